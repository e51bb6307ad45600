// Tests of the core, without Node.js and without a framework. TEST(Name) { CHECK(...); }
// Every test fails, too, if it leaves a descriptor open.
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

struct Test {
  const char* name;
  void (*run)();
  static std::vector<Test>& All() {
    static std::vector<Test> all;
    return all;
  }
};

inline int failed_checks = 0;

#define TEST(name)                                                               \
  static void name();                                                            \
  static const bool name##_added = (Test::All().push_back({#name, name}), true); \
  static void name()

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      failed_checks++;                                                          \
      fprintf(stderr, "  %s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                           \
  } while (0)

#define CHECK_EQ(actual, expected)                                                             \
  do {                                                                                         \
    long long actual_ = (actual), expected_ = (expected);                                      \
    if (actual_ != expected_) {                                                                \
      failed_checks++;                                                                         \
      fprintf(stderr, "  %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_, \
              expected_);                                                                      \
    }                                                                                          \
  } while (0)

// Returns how many descriptors this process has open.
inline int OpenDescriptors() {
  DIR* directory = opendir("/dev/fd");
  int count = -3;  // ".", ".." and the one that reads the directory
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

// A free path, in a directory that is removed at the end of the scope.
class Scratch {
 public:
  Scratch() {
    char path[] = "/tmp/handoff-native-XXXXXX";
    directory_ = mkdtemp(path);
  }
  ~Scratch() {
    unlink(path().c_str());
    rmdir(directory_.c_str());
  }
  std::string path() const { return directory_ + "/x"; }

 private:
  std::string directory_;
};

// Returns an open file without a path.
inline int TemporaryFile() {
  char path[] = "/tmp/handoff-native-XXXXXX";
  int fd = mkstemp(path);
  unlink(path);
  return fd;
}

inline bool SameFile(int one, int other) {
  struct stat a, b;
  return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}
