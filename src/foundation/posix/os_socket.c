/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_socket.c: Unix sockets.
 *
 * The address of a Unix socket has room for a path of 107 bytes, fewer than a store's path may
 * have. So a name is reached through its directory's descriptor: /proc/self/fd/N/name (I1).
 *
 * Two things protect a connection: the directory is accessible only to its user, and the kernel
 * reports the credentials of the peer (SO_PEERCRED) (I2).
 *
 * Nothing here waits for ever: a peer that stops half way costs only the caller's timeout. SIGPIPE
 * is never raised.
 */
#include "posix/os_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "posix/os_default.h"
#include "posix/os_posix.h"

enum { BACKLOG = 128, NS_PER_MS = 1000000 };

struct fi_os_socket {
    int fd;
    pid_t peer;
};

static int
os_socket_make(int fd, pid_t peer, struct fi_os_socket **out, firn_error *err)
{
    DCHECK(fd >= 0);
    *out = fi_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        (void)close(fd);
        return fi_error_no_memory(err, "a connection");
    }
    (*out)->fd = fd;
    (*out)->peer = peer;
    return FIRN_OK;
}

/* (I1) */
static int
address_of(struct fi_os_dir *dir, const char *name, struct sockaddr_un *out, firn_error *err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int size = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s",
                        fi_os_posix_dir_fd(dir), name);
    return size > 0 && (size_t)size < sizeof out->sun_path
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID, "'%.100s' is too long a name", name);
}

static int
os_socket_begin(struct fi_os_dir *dir, const char *name, struct sockaddr_un *out_address,
                int *out_fd, firn_error *err)
{
    DCHECK(*name != '\0');
    if (fi_os_dir_os(dir) != fi_os_default()) {
        return fi_error_set(err, FIRN_UNSUPPORTED, "there are no sockets here");
    }
    FI_TRY_RETURN(address_of(dir, name, out_address, err));
    *out_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return *out_fd < 0 ? fi_error_set_errno(err, errno, "could not make a socket") : FIRN_OK;
}

/* Of the name itself: a link may lead to a stranger's socket. */
static bool
is_socket(struct fi_os_dir *dir, const char *name)
{
    struct stat there;
    return fstatat(fi_os_posix_dir_fd(dir), name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISSOCK(there.st_mode);
}

int
fi_os_socket_listen(struct fi_os_dir *dir, const char *name, struct fi_os_socket **out,
                    firn_error *err)
{
    struct sockaddr_un address;
    int fd;
    *out = NULL;
    int rc;
    if (fi_os_dir_guard(dir) != NULL) { /* the call that binds asks no guard */
        struct fi_os_guard *guard = fi_os_dir_guard(dir);
        FI_TRY_RETURN(guard->ops->admit(guard, dir, name, NULL, err));
    }
    FI_TRY_RETURN(os_socket_begin(dir, name, &address, &fd, err));
    if (is_socket(dir, name)) {
        (void)unlinkat(fi_os_posix_dir_fd(dir), name, 0);
    }
    if (bind(fd, (const void *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0) {
        rc = errno == EADDRINUSE && !is_socket(dir, name)
                 ? fi_error_set(err, FIRN_EXISTS, "'%s/%s' is in the way: it is not a socket",
                                fi_os_dir_path(dir), name)
                 : fi_error_set_errno(err, errno, "could not listen at '%s/%s'",
                                      fi_os_dir_path(dir), name);
        (void)close(fd);
        return rc;
    }
    return os_socket_make(fd, 0, out, err);
}

/* (I2) */
static bool
is_same_user(int fd, pid_t *out_peer)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    *out_peer = peer.pid;
    return peer.uid == geteuid() || peer.uid == 0;
}

int
fi_os_socket_connect(struct fi_os_dir *dir, const char *name, struct fi_os_socket **out,
                     firn_error *err)
{
    struct sockaddr_un address;
    pid_t peer;
    int fd;
    *out = NULL;
    int rc;
    FI_TRY_RETURN(os_socket_begin(dir, name, &address, &fd, err));
    int failed = ENOENT;
    if (is_socket(dir, name)) {
        failed = connect(fd, (const void *)&address, sizeof address) == 0 ? 0 : errno;
    }
    if (failed != 0) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "no process listens at '%s/%s': %s",
                          fi_os_dir_path(dir), name, strerror(failed));
        (void)close(fd);
        return rc;
    }
    if (!is_same_user(fd, &peer)) {
        (void)close(fd);
        return fi_error_set(err, FIRN_DENIED, "another user listens at '%s/%s'",
                            fi_os_dir_path(dir), name);
    }
    return os_socket_make(fd, peer, out, err);
}

int
fi_os_socket_accept(struct fi_os_socket *listener, struct fi_os_socket **out, firn_error *err)
{
    DCHECK(listener->fd >= 0);
    *out = NULL;
    for (int tries = 0; tries < BACKLOG; tries++) {
        pid_t peer;
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED
                       ? FIRN_OK
                       : fi_error_set_errno(err, errno, "could not accept a connection");
        }
        if (is_same_user(fd, &peer)) {
            return os_socket_make(fd, peer, out, err);
        }
        (void)close(fd);
    }
    return FIRN_OK;
}

void
fi_os_socket_close(struct fi_os_socket *socket)
{
    if (socket != NULL) {
        (void)close(socket->fd);
        fi_free(socket);
    }
}

uint64_t
fi_os_socket_peer(const struct fi_os_socket *socket)
{
    return (uint64_t)socket->peer;
}

int
fi_os_socket_fd(const struct fi_os_socket *socket)
{
    return socket->fd;
}

/* ---- bytes ---- */

/* Waits until bytes can be moved. FIRN_BUSY once the deadline has passed. */
static int
wait_for(struct fi_os_socket *socket, short events, int64_t deadline_ns, firn_error *err)
{
    DCHECK(events == POLLIN || events == POLLOUT);
    int64_t left_ns = deadline_ns - fi_os_monotonic_ns(fi_os_default());
    if (left_ns <= 0) {
        return fi_error_set(err, FIRN_BUSY, "the other process does not answer");
    }
    struct pollfd item = {.fd = socket->fd, .events = events};
    int64_t ms = (left_ns - 1) / NS_PER_MS + 1;
    (void)poll(&item, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
    return FIRN_OK;
}

static bool
may_try_again(ssize_t moved)
{
    return moved < 0 && (errno == EAGAIN || errno == EINTR);
}

int
fi_os_socket_send(struct fi_os_socket *socket, const void *data, size_t size, int64_t timeout_ns,
                  firn_error *err)
{
    DCHECK(data != NULL || size == 0);
    int64_t deadline_ns = fi_os_monotonic_ns(fi_os_default()) + timeout_ns;
    for (size_t at = 0; at < size;) {
        ssize_t moved = send(socket->fd, (const char *)data + at, size - at, MSG_NOSIGNAL);
        if (moved > 0) {
            DCHECK((size_t)moved <= size - at);
            at += (size_t)moved;
        } else if (!may_try_again(moved)) {
            return fi_error_set_errno(err, errno, "could not write to another process");
        } else if (wait_for(socket, POLLOUT, deadline_ns, err) != FIRN_OK) {
            return FIRN_BUSY;
        }
    }
    return FIRN_OK;
}

int
fi_os_socket_receive(struct fi_os_socket *socket, void *data, size_t size, int64_t timeout_ns,
                     firn_error *err)
{
    DCHECK(data != NULL || size == 0);
    int64_t deadline_ns = fi_os_monotonic_ns(fi_os_default()) + timeout_ns;
    for (size_t at = 0; at < size;) {
        ssize_t moved = recv(socket->fd, (char *)data + at, size - at, 0);
        if (moved > 0) {
            DCHECK((size_t)moved <= size - at);
            at += (size_t)moved;
        } else if (moved == 0) {
            return fi_error_set(err, FIRN_IO, "the other process has hung up");
        } else if (!may_try_again(moved)) {
            return fi_error_set_errno(err, errno, "could not read from another process");
        } else if (wait_for(socket, POLLIN, deadline_ns, err) != FIRN_OK) {
            return FIRN_BUSY;
        }
    }
    return FIRN_OK;
}
