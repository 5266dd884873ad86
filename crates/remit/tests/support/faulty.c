/* Loaded in front of the C library, it makes accesses of a server to its files go wrong, and shows it another wall clock.
 *
 * FAULTY_FOLDER  only files below this folder count
 * FAULTY_STATE   a file of three numbers of eight bytes, mapped, so that a server that runs can be spoken to: how many accesses there
 *                were so far; seconds by which the wall clock is wrong; room on the disk in bytes and one, or 0 for as much as there is
 * FAULTY_AT      the number of the access that goes wrong, from 1
 * FAULTY_HOW     eio: it fails, once. enospc: it fails as on a full disk, and so does every later write.
 *                torn: half of it is written, and the process is gone */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct state {
    _Atomic int64_t accesses;
    _Atomic int64_t seconds;
    _Atomic int64_t room;
};

static struct state *state;
static int64_t at;
static const char *how = "";
static const char *folder;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTY_STATE");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd < 0) return;
    void *there = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (there == MAP_FAILED) return;
    folder = getenv("FAULTY_FOLDER");
    if (getenv("FAULTY_AT")) at = atoll(getenv("FAULTY_AT"));
    if (getenv("FAULTY_HOW")) how = getenv("FAULTY_HOW");
    state = there;
}

static int below(const char *path) {
    return state && folder && strncmp(path, folder, strlen(folder)) == 0;
}

static int ours(int fd) {
    char link[64], path[PATH_MAX];
    if (!state || !folder) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

/* Whether so many bytes more go on the disk; they are taken then. */
static int has_room(int64_t bytes) {
    int64_t room = state->room;
    if (room == 0) return 1;
    if (bytes >= room) return 0;
    state->room -= bytes;
    return 1;
}

enum outcome { WELL, FAILED, HALF };

/* Of an access to one of our files that would write so many bytes; errno is set where it fails. */
static enum outcome outcome(int64_t bytes) {
    int64_t number = ++state->accesses;
    if (!has_room(bytes)) {
        errno = ENOSPC;
        return FAILED;
    }
    if (!at || number < at) return WELL;
    if (!strcmp(how, "enospc")) {
        errno = ENOSPC;
        return bytes ? FAILED : WELL;
    }
    if (number != at) return WELL;
    if (!strcmp(how, "torn")) return HALF;
    errno = EIO;
    return FAILED;
}

static void gone(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* For what is done whole or not at all. */
static int fails(int64_t bytes) {
    enum outcome came = outcome(bytes);
    if (came == HALF) gone();
    return came == FAILED;
}

#define NEXT(type, name, ...) \
    static type (*next)(__VA_ARGS__); \
    if (!next) next = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define BYTES(fd, size, all, half) \
    if (!ours(fd)) return all; \
    switch (outcome(size)) { \
    case FAILED: return -1; \
    case HALF: half; gone(); /* fall through */ \
    default: return all; \
    }

ssize_t write(int fd, const void *bytes, size_t size) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    BYTES(fd, size, next(fd, bytes, size), next(fd, bytes, size / 2))
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t from) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    BYTES(fd, size, next(fd, bytes, size, from), next(fd, bytes, size / 2, from))
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t from) { return pwrite64(fd, bytes, size, from); }

ssize_t writev(int fd, const struct iovec *parts, int many) {
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    int64_t size = 0;
    for (int part = 0; part < many; part++) size += parts[part].iov_len;
    BYTES(fd, size, next(fd, parts, many), next(fd, parts, many / 2))
}

int fsync(int fd) {
    NEXT(int, "fsync", int);
    return ours(fd) && fails(0) ? -1 : next(fd);
}

int fdatasync(int fd) {
    NEXT(int, "fdatasync", int);
    return ours(fd) && fails(0) ? -1 : next(fd);
}

int ftruncate64(int fd, off64_t size) {
    NEXT(int, "ftruncate64", int, off64_t);
    if (!ours(fd)) return next(fd, size);
    if (fails(0)) return -1;
    struct stat before;
    int known = fstat(fd, &before) == 0;
    int done = next(fd, size);
    if (done == 0 && known && state->room && before.st_size > size) state->room += before.st_size - size;
    return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int posix_fallocate64(int fd, off64_t from, off64_t size) {
    NEXT(int, "posix_fallocate64", int, off64_t, off64_t);
    return ours(fd) && fails(size) ? errno : next(fd, from, size);
}

int posix_fallocate(int fd, off_t from, off_t size) { return posix_fallocate64(fd, from, size); }

int fallocate64(int fd, int mode, off64_t from, off64_t size) {
    NEXT(int, "fallocate64", int, int, off64_t, off64_t);
    return ours(fd) && fails(size) ? -1 : next(fd, mode, from, size);
}

int fallocate(int fd, int mode, off_t from, off_t size) { return fallocate64(fd, mode, from, size); }

int rename(const char *from, const char *to) {
    NEXT(int, "rename", const char *, const char *);
    return below(to) && fails(0) ? -1 : next(from, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    NEXT(int, "linkat", int, const char *, int, const char *, int);
    return below(to) && fails(0) ? -1 : next(from_folder, from, to_folder, to, flags);
}

int unlink(const char *path) {
    NEXT(int, "unlink", const char *);
    return below(path) && fails(0) ? -1 : next(path);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    NEXT(int, "clock_gettime", clockid_t, struct timespec *);
    int done = next(clock, now);
    if (state && done == 0 && clock == CLOCK_REALTIME) now->tv_sec += state->seconds;
    return done;
}

int gettimeofday(struct timeval *now, void *zone) {
    NEXT(int, "gettimeofday", struct timeval *, void *);
    int done = next(now, zone);
    if (state && done == 0) now->tv_sec += state->seconds;
    return done;
}

time_t time(time_t *into) {
    NEXT(time_t, "time", time_t *);
    time_t now = next(NULL);
    if (state && now != (time_t)-1) now += state->seconds;
    if (into) *into = now;
    return now;
}
