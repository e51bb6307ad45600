// Makes lines of the findings: the fact, its reason, and what to do.

import { printable } from '../../protocol/printable.ts'
import { plural } from '../../terms/plural.ts'
import type { Style } from '../text/style.ts'
import type { Finding } from './finding.ts'

export function findingLines(findings: readonly Finding[], style: Style): string[] {
  const shown = printable(findings)
  return [...shown.flatMap((finding) => lines(finding, style)), '', summary(shown, style)]
}

function lines(finding: Finding, style: Style): string[] {
  const level = finding.level.padEnd(7)
  if (finding.level === 'ok') return [`${style.good(level)}  ${finding.what}`]
  const paint = finding.level === 'problem' ? style.bad : style.bold
  const indent = ' '.repeat(9)
  return [
    `${paint(level)}  ${finding.what}`,
    `${indent}${style.dim(finding.why)}`,
    `${indent}${finding.remedy}`,
  ]
}

function summary(findings: readonly Finding[], style: Style): string {
  const problems = findings.filter(({ level }) => level === 'problem').length
  return problems === 0
    ? `${style.tick}no problem found`
    : `${style.cross}${plural(problems, 'problem')} found`
}
