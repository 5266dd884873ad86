/* Loaded in front of the C library, it writes down what a process does to the files of a folder, in order: each file made, each
 * write with its bytes, truncation, sync, removal and other name.
 *
 * TRACED_FOLDER  the folder, as an absolute path without links
 * TRACED_INTO    the file that gets one record after another: a head, the path below the folder, the other path, the bytes */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { MADE, WRITTEN, CUT, SYNCED, REMOVED, RENAMED, LINKED };

struct head {
    int64_t kind;
    int64_t path;
    int64_t other;
    int64_t at;
    int64_t bytes;
};

static const char *folder;
static int trace = -1;
/* held over what is done and its record, so that the order of the records is that of the file */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define NEXT(type, name, ...) \
    static type (*next)(__VA_ARGS__); \
    if (!next) next = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
    const char *into = getenv("TRACED_INTO");
    if (!into) return;
    int fd = open(into, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    folder = getenv("TRACED_FOLDER");
    trace = fd;
}

/* The path below the folder; NULL of another file, and of those whose content is nothing to anybody after a power cut. */
static const char *below(const char *path) {
    size_t length = folder && trace >= 0 ? strlen(folder) : 0;
    if (!length || strncmp(path, folder, length) || (path[length] && path[length] != '/')) return NULL;
    path += length + (path[length] == '/');
    size_t rest = strlen(path);
    if (rest > 4 && !strcmp(path + rest - 4, "-shm")) return NULL;
    if (!strcmp(path, "reserve.bin") || strstr(path, " (deleted)")) return NULL;
    return path;
}

static const char *opened(int fd, char *into) {
    char link[64];
    if (trace < 0) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, into, PATH_MAX - 1);
    if (length <= 0) return NULL;
    into[length] = 0;
    return below(into);
}

static void record(enum kind kind, const char *path, const char *other, int64_t at, const void *bytes, int64_t size) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    struct head head = {kind, strlen(path), strlen(other), at, bytes ? size : 0};
    struct iovec parts[] = {
        {&head, sizeof head},
        {(void *)path, head.path},
        {(void *)other, head.other},
        {(void *)bytes, head.bytes},
    };
    ssize_t whole = sizeof head + head.path + head.other + head.bytes;
    if (next(trace, parts, 4) != whole) abort();
}

static ssize_t begun(void) {
    pthread_mutex_lock(&turn);
    return 0;
}

static ssize_t done(ssize_t result) {
    pthread_mutex_unlock(&turn);
    return result;
}

static int made(int fd, const char *path, int was_there, int flags) {
    if (fd >= 0 && !was_there) record(MADE, path, "", 0, NULL, 0);
    else if (fd >= 0 && (flags & O_TRUNC)) record(CUT, path, "", 0, NULL, 0);
    return done(fd);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        NEXT(int, #name, const char *, int, ...); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            mode = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        const char *ours = flags & (O_CREAT | O_TRUNC) ? below(path) : NULL; \
        if (!ours) return next(path, flags, mode); \
        begun(); \
        int was_there = access(path, F_OK) == 0; \
        return made(next(path, flags, mode), ours, was_there, flags); \
    }

OPEN(open)
OPEN(open64)

static ssize_t written(const char *path, int64_t at, const void *bytes, ssize_t size) {
    if (size > 0) record(WRITTEN, path, "", at, bytes, size);
    return done(size);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    char path[PATH_MAX];
    const char *ours = opened(fd, path);
    if (!ours) return next(fd, bytes, size);
    begun();
    int64_t at = lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    return written(ours, at, bytes, next(fd, bytes, size));
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    char path[PATH_MAX];
    const char *ours = opened(fd, path);
    if (!ours) return next(fd, bytes, size, at);
    begun();
    return written(ours, at, bytes, next(fd, bytes, size, at));
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) { return pwrite64(fd, bytes, size, at); }

static int did(enum kind kind, const char *path, int64_t at, int result) {
    if (result == 0) record(kind, path, "", at, NULL, 0);
    return done(result);
}

int ftruncate64(int fd, off64_t size) {
    NEXT(int, "ftruncate64", int, off64_t);
    char path[PATH_MAX];
    const char *ours = opened(fd, path);
    if (!ours) return next(fd, size);
    begun();
    return did(CUT, ours, size, next(fd, size));
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
    NEXT(int, "fsync", int);
    char path[PATH_MAX];
    const char *ours = opened(fd, path);
    if (!ours) return next(fd);
    begun();
    return did(SYNCED, ours, 0, next(fd));
}

int fdatasync(int fd) {
    NEXT(int, "fdatasync", int);
    char path[PATH_MAX];
    const char *ours = opened(fd, path);
    if (!ours) return next(fd);
    begun();
    return did(SYNCED, ours, 0, next(fd));
}

int unlink(const char *path) {
    NEXT(int, "unlink", const char *);
    const char *ours = below(path);
    if (!ours) return next(path);
    begun();
    return did(REMOVED, ours, 0, next(path));
}

static int named(enum kind kind, const char *from, const char *to, int result) {
    if (result == 0) record(kind, from, to, 0, NULL, 0);
    return done(result);
}

int rename(const char *from, const char *to) {
    NEXT(int, "rename", const char *, const char *);
    const char *ours = below(from), *other = below(to);
    if (!ours || !other) return next(from, to);
    begun();
    return named(RENAMED, ours, other, next(from, to));
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    NEXT(int, "linkat", int, const char *, int, const char *, int);
    const char *ours = below(from), *other = below(to);
    if (!ours || !other) return next(from_folder, from, to_folder, to, flags);
    begun();
    return named(LINKED, ours, other, next(from_folder, from, to_folder, to, flags));
}
