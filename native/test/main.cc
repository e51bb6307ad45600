// Runs every test, or those whose names contain the argument.

#include <string.h>

#include "harness.h"

int main(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (const Test& test : Test::All()) {
    if (argc > 1 && !strstr(test.name, argv[1])) continue;
    int checks_before = failed_checks;
    int open_before = OpenDescriptors();
    test.run();
    CHECK_EQ(OpenDescriptors(), open_before);
    bool ok = failed_checks == checks_before;
    (ok ? passed : failed)++;
    printf("%s %s\n", ok ? "ok  " : "FAIL", test.name);
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 || passed == 0;
}
