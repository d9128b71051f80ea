/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_socket.h: communication between two processes on one machine, through a name in a
 * directory.
 *
 * Only a real process has this: elsewhere FIRN_UNSUPPORTED. A handle is for one thread at a time.
 */
#ifndef FIRN_POSIX_OS_SOCKET_H
#define FIRN_POSIX_OS_SOCKET_H

#include <stdint.h>

#include "os/os.h"

struct fi_os_socket;

/* Listens at a name, in place of a socket that is there; FIRN_EXISTS if something else is.
 * Requires: no other process listens at the name at the same time. */
FIRN_MUST_CHECK int fi_os_socket_listen(struct fi_os_dir *dir, const char *name,
                                        struct fi_os_socket **out, firn_error *err);
/* FIRN_NOT_FOUND if no process listens there; FIRN_DENIED if the listener is a user other than this
 * one and root. */
FIRN_MUST_CHECK int fi_os_socket_connect(struct fi_os_dir *dir, const char *name,
                                         struct fi_os_socket **out, firn_error *err);
/* Accepts the next connection, without waiting: *out is NULL if there is none. Connections of users
 * other than this one and root are refused. */
FIRN_MUST_CHECK int fi_os_socket_accept(struct fi_os_socket *listener, struct fi_os_socket **out,
                                        firn_error *err);
/* NULL is allowed. The name stays. */
void fi_os_socket_close(struct fi_os_socket *socket);
/* The process at the other end, or that listens there. */
uint64_t fi_os_socket_peer(const struct fi_os_socket *socket);
int fi_os_socket_fd(const struct fi_os_socket *socket);

/* Transfers everything or fails: FIRN_IO if the other end closes, FIRN_BUSY after waiting for
 * timeout_ns in all. */
FIRN_MUST_CHECK int fi_os_socket_send(struct fi_os_socket *socket, const void *data, size_t size,
                                      int64_t timeout_ns, firn_error *err);
FIRN_MUST_CHECK int fi_os_socket_receive(struct fi_os_socket *socket, void *data, size_t size,
                                         int64_t timeout_ns, firn_error *err);

#endif
