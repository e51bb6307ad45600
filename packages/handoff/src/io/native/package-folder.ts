// Where this package is installed. Bundled code cannot resolve paths against its own source file.

const [, root = '', modules = ''] = /^(.*\/)(dist|src)\//.exec(import.meta.url) ?? []

/** The URL of the folder of the package, with a slash at its end. */
export const packageFolder = root

/** The URL of the folder that has all modules of the package: `dist/`, or `src/` when it runs from its sources. */
export const moduleFolder = `${root}${modules}/`
