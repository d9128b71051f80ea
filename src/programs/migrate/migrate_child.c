/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_child.c: the process that reads a database with the library of its engine, and
 * sends what it reads.
 *
 * These libraries trust their files: LMDB follows page numbers in a mapping, and a truncated file
 * is a SIGBUS; RocksDB ends the process where C++ throws. So the library runs in a child, and a
 * child that dies is a damaged database. The child has no store open (it is forked before), no
 * message of it reaches the terminal, and its memory is bounded.
 *
 * What comes through the pipe is frames (migrate_frames.c), which the parent does not trust.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migrate/migrate_internal.h"
#include "sqlitefile/sqlitefile.h"
#include "term/term.h"
#include "term/term_try.h"

/* Sanitizers map far more memory than they use. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif
#else
enum { IS_SANITIZED = 0 };
#endif

enum { BUFFER_SIZE = 256 << 10, POLL_MS = 200, NOFILE_MAX = 4096, MEMORY_MIB_MAX = 4096 };

/* ---- in the child ---- */

struct fi_migrate_pipe {
    int fd;
    size_t filled;
    uint8_t buffer[BUFFER_SIZE];
};

/* Ends the process if the parent no longer reads. */
static void
write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR) {
            _exit(EXIT_FAILURE);
        }
        data += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

static void
migrate_child_flush(struct fi_migrate_pipe *pipe)
{
    assert(pipe->filled <= BUFFER_SIZE);
    write_all(pipe->fd, pipe->buffer, pipe->filled);
    pipe->filled = 0;
}

static void
migrate_child_append(struct fi_migrate_pipe *pipe, const void *data, size_t size)
{
    assert(pipe->filled <= BUFFER_SIZE && (data != NULL || size == 0));
    if (size > BUFFER_SIZE - pipe->filled) {
        migrate_child_flush(pipe);
    }
    if (size > BUFFER_SIZE) {
        write_all(pipe->fd, data, size);
    } else if (size > 0) {
        memcpy(pipe->buffer + pipe->filled, data, size);
        pipe->filled += size;
    }
}

static void
migrate_child_put(struct fi_migrate_pipe *pipe, const struct fi_migrate_header *header,
                  const void *first, const void *second)
{
    assert(header->kind >= FI_MIGRATE_OPENED && header->kind <= FI_MIGRATE_ERROR);
    migrate_child_append(pipe, header, sizeof(*header));
    if (header->kind != FI_MIGRATE_END) {
        migrate_child_append(pipe, first, (size_t)header->first);
        migrate_child_append(pipe, second, (size_t)header->second);
    }
}

void
fi_migrate_child_put_opened(struct fi_migrate_pipe *pipe)
{
    const struct fi_migrate_header header = {.kind = FI_MIGRATE_OPENED};
    migrate_child_put(pipe, &header, NULL, NULL);
    migrate_child_flush(pipe);
}

void
fi_migrate_child_put_keyspace(struct fi_migrate_pipe *pipe, const char *name, bool is_sorted)
{
    const struct fi_migrate_header header = {
        .kind = FI_MIGRATE_KEYSPACE, .flag = is_sorted, .first = strlen(name)};
    migrate_child_put(pipe, &header, name, NULL);
}

void
fi_migrate_child_put_entry(struct fi_migrate_pipe *pipe, firn_slice key, firn_slice value)
{
    const struct fi_migrate_header header = {
        .kind = FI_MIGRATE_ENTRY, .first = key.size, .second = value.size};
    migrate_child_put(pipe, &header, key.data, value.data);
}

void
fi_migrate_child_put_end(struct fi_migrate_pipe *pipe, bool has_count, uint64_t count)
{
    const struct fi_migrate_header header = {
        .kind = FI_MIGRATE_END, .flag = has_count, .first = count};
    migrate_child_put(pipe, &header, NULL, NULL);
    migrate_child_flush(pipe);
}

static void
lower_limit(int resource, rlim_t most)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_cur > most) {
        limit.rlim_cur = most;
        (void)setrlimit((__rlimit_resource_t)resource, &limit);
    }
}

/* No message of a library, no core, no signal handler of ours, no end later than the parent's. */
static void
isolate(pid_t parent)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0) {
        _exit(EXIT_FAILURE);
    }
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_IGN); /* the parent decides */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGTERM, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_FAILURE);
    }
    lower_limit(RLIMIT_CORE, 0);
    lower_limit(RLIMIT_NOFILE, NOFILE_MAX);
    if (!IS_SANITIZED) {
        lower_limit(RLIMIT_DATA, (rlim_t)MEMORY_MIB_MAX << 20);
    }
}

/* Does not return. */
static _Noreturn void
be_child(int fd, fi_migrate_reader *reader, const char *path, const char *place)
{
    firn_error err = {.code = FIRN_OK};
    struct fi_migrate_pipe *pipe = malloc(sizeof(*pipe));
    if (pipe == NULL) {
        _exit(EXIT_FAILURE);
    }
    pipe->fd = fd;
    pipe->filled = 0;
    int code = reader(pipe, path, place, &err);
    struct fi_migrate_header header = {.kind = FI_MIGRATE_DONE};
    if (code != FIRN_OK) {
        header = (struct fi_migrate_header){
            .kind = FI_MIGRATE_ERROR, .flag = (uint32_t)-code, .first = strlen(err.text)};
    }
    migrate_child_put(pipe, &header, err.text, NULL);
    migrate_child_flush(pipe);
    _exit(EXIT_SUCCESS);
}

/* ---- in the parent ---- */

static int
migrate_child_start(struct fi_migrate_child *child, fi_migrate_reader *reader, const char *path,
                    firn_error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return fi_migrate_fail(err, FIRN_IO, "could not make a pipe: %s", strerror(errno));
    }
    pid_t parent = getpid();
    child->pid = fork();
    if (child->pid == 0) {
        isolate(parent);
        be_child(fds[1], reader, path, child->place);
    }
    (void)close(fds[1]);
    child->fd = fds[0];
    return child->pid > 0
               ? FIRN_OK
               : fi_migrate_fail(err, FIRN_IO, "could not start a process: %s", strerror(errno));
}

/* Says why the child ended without DONE or ERROR. */
static int
report_end(struct fi_migrate_child *child, firn_error *err)
{
    int status = 0;
    assert(child->pid > 0);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
    }
    child->pid = -1;
    if (fi_term_signals_caught() != 0) {
        return fi_migrate_fail(err, FIRN_CANCELLED, "cancelled");
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
        return fi_migrate_fail(err, FIRN_NO_MEMORY,
                               "the process that reads the database was killed");
    }
    return WIFSIGNALED(status)
               ? fi_migrate_fail(err, FIRN_CORRUPT,
                                 "the database is damaged: the library that reads it died of "
                                 "signal %d (%s)",
                                 WTERMSIG(status), strsignal(WTERMSIG(status)))
               : fi_migrate_fail(err, FIRN_CORRUPT,
                                 "the database is damaged: the library that reads it ended");
}

/* Of the frames: waits for bytes, at most until a signal. */
static int
read_pipe(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    struct fi_migrate_child *child = ctx;
    struct pollfd poll_fd = {.fd = child->fd, .events = POLLIN};
    assert(child->fd >= 0 && size > 0);
    for (;;) {
        FI_TRY_RETURN(fi_command_go_on(err));
        if (poll(&poll_fd, 1, POLL_MS) <= 0) {
            continue;
        }
        ssize_t got = read(child->fd, data, size);
        if (got == 0) {
            return report_end(child, err);
        }
        if (got < 0 && errno != EINTR) {
            return fi_migrate_fail(err, FIRN_IO, "could not read from a process: %s",
                                   strerror(errno));
        }
        if (got > 0) {
            *out_size = (size_t)got;
            return FIRN_OK;
        }
    }
}

int
fi_migrate_child_start(struct fi_migrate_child *child, fi_migrate_reader *reader, const char *path,
                       firn_error *err)
{
    struct fi_migrate_frame frame;
    assert(child->pid < 0 && child->fd < 0 && reader != NULL);
    FI_TRY_RETURN(fi_migrate_frames_init(&child->frames, read_pipe, child, err));
    (void)snprintf(child->place, sizeof(child->place), "%s/firn-migrate-XXXXXX",
                   fi_sqlitefile_place());
    if (mkdtemp(child->place) == NULL) {
        child->place[0] = '\0';
        return fi_migrate_fail(err, FIRN_IO, "could not create a directory in %.400s: %s",
                               fi_sqlitefile_place(), strerror(errno));
    }
    int code = migrate_child_start(child, reader, path, err);
    /* The first frame is OPENED: (I1) of migrate_frames.c. */
    return code == FIRN_OK ? fi_migrate_frames_next(&child->frames, &frame, err) : code;
}

int
fi_migrate_child_read(struct fi_migrate_child *child, struct fi_migrate_sink *sink, firn_error *err)
{
    struct fi_migrate_frame frame;
    int code = FIRN_OK;
    assert(child->fd >= 0 && sink != NULL); /* it was started */
    while (code == FIRN_OK) {
        code = fi_migrate_frames_next(&child->frames, &frame, err);
        if (code != FIRN_OK || frame.kind == FI_MIGRATE_DONE) {
            break;
        }
        code = frame.kind == FI_MIGRATE_KEYSPACE
                   ? fi_migrate_sink_keyspace(sink, frame.name, frame.is_set, err)
               : frame.kind == FI_MIGRATE_ENTRY
                   ? fi_migrate_sink_entry(sink, frame.key, frame.value, err)
                   : fi_migrate_sink_end(sink, frame.is_set, frame.count, err);
    }
    return code;
}

/* Removes the private directory: files only, no directory is made in it but one that LevelDB may
 * make. */
static void
remove_place(const char *place)
{
    DIR *directory = opendir(place);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        (void)unlinkat(dirfd(directory), entry->d_name, 0); /* fails for . and .. */
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    (void)rmdir(place);
}

void
fi_migrate_child_end(struct fi_migrate_child *child)
{
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        child->pid = -1;
    }
    if (child->fd >= 0) {
        (void)close(child->fd);
        child->fd = -1;
    }
    if (child->place[0] != '\0') {
        remove_place(child->place);
        child->place[0] = '\0';
    }
    fi_migrate_frames_deinit(&child->frames);
}
