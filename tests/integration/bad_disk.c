/* A disk that fails on demand, for one folder of one process: LD_PRELOAD it.
 *
 * LADDVAKT_DISK_FOLDER names the folder; the first byte of the file LADDVAKT_DISK_MODE says what
 * its disk does from now on: '-' works, 'f' full, 'r' read-only, 's' takes 2 s for every sync.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static const char *folder;
static volatile const char *mode;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("LADDVAKT_DISK_MODE");
    folder = getenv("LADDVAKT_DISK_FOLDER");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) mode = page;
    close(fd);
}

static char now(void) { return mode && folder ? *mode : '-'; }

static int path_inside(const char *path) {
    return folder && !strncmp(path, folder, strlen(folder));
}

static int inside(int fd) {
    char link[64], path[PATH_MAX];
    if (now() == '-') return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return path_inside(path);
}

/* The error a write gets now; 0: none. */
static int refusal(void) {
    return now() == 'f' ? ENOSPC : now() == 'r' ? EROFS : 0;
}

static int refused_fd(int fd) {
    if (!refusal() || !inside(fd)) return 0;
    errno = refusal();
    return 1;
}

static int refused_path(const char *path) {
    if (!refusal() || !path_inside(path)) return 0;
    errno = refusal();
    return 1;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

ssize_t write(int fd, const void *data, size_t count) {
    return refused_fd(fd) ? -1 : REAL(write)(fd, data, count);
}
ssize_t pwrite(int fd, const void *data, size_t count, off_t at) {
    return refused_fd(fd) ? -1 : REAL(pwrite)(fd, data, count, at);
}
ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) {
    return refused_fd(fd) ? -1 : REAL(pwrite64)(fd, data, count, at);
}
int ftruncate(int fd, off_t length) {
    return refused_fd(fd) ? -1 : REAL(ftruncate)(fd, length);
}
int ftruncate64(int fd, off64_t length) {
    return refused_fd(fd) ? -1 : REAL(ftruncate64)(fd, length);
}
int posix_fallocate(int fd, off_t at, off_t length) {
    return refused_fd(fd) ? refusal() : REAL(posix_fallocate)(fd, at, length);
}
int rename(const char *from, const char *to) {
    return now() == 'r' && refused_path(to) ? -1 : REAL(rename)(from, to);
}
int unlink(const char *path) {
    return now() == 'r' && refused_path(path) ? -1 : REAL(unlink)(path);
}
int mkdir(const char *path, mode_t bits) {
    return refused_path(path) ? -1 : REAL(mkdir)(path, bits);
}

static void wait_if_slow(int fd) {
    struct timespec left = {2, 0};
    if (now() == 's' && inside(fd))
        while (nanosleep(&left, &left) && errno == EINTR) {}
}
int fsync(int fd) {
    wait_if_slow(fd);
    return refused_fd(fd) ? -1 : REAL(fsync)(fd);
}
int fdatasync(int fd) {
    wait_if_slow(fd);
    return refused_fd(fd) ? -1 : REAL(fdatasync)(fd);
}

/* A full disk has no room for a new file, a read-only one none for any writer. */
static int refused_open(const char *path, int flags) {
    if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_CREAT)) return 0;
    if (now() == 'f' && (!(flags & O_CREAT) || !access(path, F_OK))) return 0;
    return refused_path(path);
}
#define OPEN(name)                                          \
    int name(const char *path, int flags, ...) {            \
        va_list rest;                                       \
        va_start(rest, flags);                              \
        mode_t bits = va_arg(rest, mode_t);                 \
        va_end(rest);                                       \
        return refused_open(path, flags) ? -1 : REAL(name)(path, flags, bits); \
    }
OPEN(open)
OPEN(open64)

static void change(const char *path, unsigned long *flag, unsigned long *available) {
    if (!path_inside(path)) return;
    if (now() == 'f') *available = 0;
    if (now() == 'r') *flag |= ST_RDONLY;
}
int statvfs(const char *path, struct statvfs *found) {
    int result = REAL(statvfs)(path, found);
    if (!result) change(path, &found->f_flag, &found->f_bavail);
    return result;
}
int statvfs64(const char *path, struct statvfs64 *found) {
    int result = REAL(statvfs64)(path, found);
    if (!result) change(path, &found->f_flag, &found->f_bavail);
    return result;
}
