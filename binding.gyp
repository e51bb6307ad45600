{
  "variables": {
    # Warnings are errors only where we choose the compiler (CI): a newer one must not break a user's install.
    "handoff_werror%": "<!(node -p \"Number(process.env.HANDOFF_WERROR === '1')\")",
  },
  "targets": [
    {
      "target_name": "socket_handoff",
      "conditions": [
        # Windows has no SCM_RIGHTS: nothing is built there, and the loader says so.
        ["OS=='win'", { "type": "none" }, {
          "sources": [
            "native/binding/arguments.cc",
            "native/binding/binding.cc",
            "native/binding/connections.cc",
            "native/binding/descriptors.cc",
            "native/binding/listeners.cc",
            "native/binding/messages.cc",
            "native/binding/poll.cc",
            "native/binding/processes.cc",
            "native/binding/tls_counts.cc",
            "native/binding/tls_records.cc",
            "native/binding/tls_secrets.cc",
            "native/binding/unix_sockets.cc",
            "native/connections.cc",
            "native/descriptor.cc",
            "native/facts.cc",
            "native/libssl.cc",
            "native/listener.cc",
            "native/openssl.cc",
            "native/openssl_crypto.cc",
            "native/process.cc",
            "native/readiness.cc",
            "native/scm_rights.cc",
            "native/tcp_progress.cc",
            "native/tls_connection.cc",
            "native/tls_counts.cc",
            "native/tls_half.cc",
            "native/tls_index.cc",
            "native/tls_keys.cc",
            "native/tls_records.cc",
            "native/tls_secret_line.cc",
            "native/tls_secrets.cc",
            "native/tls_suites.cc",
            "native/tls_watch.cc",
            "native/unix_socket.cc",
          ],
          # The package has a copy of the headers beside this file: a project may have others.
          "include_dirs": [
            "<!(node -p \"fs.existsSync('node-addon-api') ? 'node-addon-api' : require('node-addon-api').include_dir\")",
          ],
          "defines": [
            "NAPI_VERSION=8",
            "NAPI_DISABLE_CPP_EXCEPTIONS",
            "NODE_ADDON_API_DISABLE_DEPRECATED",
            # Calls fail while a worker is terminated; that must not end the process.
            "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
          ],
          # Small: 56 kB and not 191, so that it loads faster. The time of its functions is the kernel's.
          "cflags": ["-Os", "-ffunction-sections", "-fdata-sections", "-fvisibility=hidden", "-Wall", "-Wextra"],
          "ldflags": ["-Wl,--gc-sections"],
          "configurations": { "Release": { "cflags!": ["-O3"] } },
          "cflags_cc": ["-fno-exceptions", "-fno-rtti"],
          "xcode_settings": {
            "DEAD_CODE_STRIPPING": "YES",
            "GCC_OPTIMIZATION_LEVEL": "s",
            "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
            "GCC_ENABLE_CPP_EXCEPTIONS": "NO",
            "CLANG_CXX_LIBRARY": "libc++",
            "WARNING_CFLAGS": ["-Wall", "-Wextra"],
          },
        }],
        ["OS!='win' and handoff_werror==1", {
          "cflags": ["-Werror"],
          "xcode_settings": { "GCC_TREAT_WARNINGS_AS_ERRORS": "YES" },
        }],
      ],
    },
  ],
}
