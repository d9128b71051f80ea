/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount_fuse.c: the kernel's requests, by libfuse.
 *
 * libfuse is loaded when it is used, so that firn runs without it. Its low-level interface is used:
 * requests name nodes, not paths. Several threads take requests from the kernel.
 *
 * What a checkpoint contains never changes, so the kernel may keep names, attributes and pages of
 * it for as long as it likes. It is told so with each answer, and a file need not be opened:
 * reading a small file is one request. Directories that list checkpoints are kept for a second.
 *
 * Who has mounted it can read everything, as in the store itself; owners and modes are only shown.
 * Nobody else can, unless --allow-other is given: then the kernel checks owners and modes.
 */
#define FUSE_USE_VERSION 31
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fuse3/fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "mount/mount_internal.h"
#include "term/term.h"

enum { THREADS = 4, BLOCK_SIZE = 4096, NAME_MAX_SIZE = 255 };

static const double for_ever = 1e9; /* seconds */
static const double for_a_moment = 1;

/* ==== libfuse ==== */

/* Every function of it that is used. */
#define FUNCTIONS(X)                                                                              \
    X(struct fuse_session *, session_new,                                                         \
      (struct fuse_args *, const struct fuse_lowlevel_ops *, size_t, void *))                     \
    X(int, session_mount, (struct fuse_session *, const char *))                                  \
    X(void, session_unmount, (struct fuse_session *))                                             \
    X(void, session_destroy, (struct fuse_session *))                                             \
    X(void, session_exit, (struct fuse_session *))                                                \
    X(int, session_exited, (struct fuse_session *))                                               \
    X(int, session_receive_buf, (struct fuse_session *, struct fuse_buf *))                       \
    X(void, session_process_buf, (struct fuse_session *, const struct fuse_buf *))                \
    X(void *, req_userdata, (fuse_req_t))                                                         \
    X(int, reply_err, (fuse_req_t, int))                                                          \
    X(void, reply_none, (fuse_req_t))                                                             \
    X(int, reply_entry, (fuse_req_t, const struct fuse_entry_param *))                            \
    X(int, reply_attr, (fuse_req_t, const struct stat *, double))                                 \
    X(int, reply_readlink, (fuse_req_t, const char *))                                            \
    X(int, reply_open, (fuse_req_t, const struct fuse_file_info *))                               \
    X(int, reply_buf, (fuse_req_t, const char *, size_t))                                         \
    X(int, reply_statfs, (fuse_req_t, const struct statvfs *))                                    \
    X(int, reply_xattr, (fuse_req_t, size_t))                                                     \
    X(size_t, add_direntry,                                                                       \
      (fuse_req_t, char *, size_t, const char *, const struct stat *, off_t))                     \
    X(size_t, add_direntry_plus,                                                                  \
      (fuse_req_t, char *, size_t, const char *, const struct fuse_entry_param *, off_t))         \
    X(int, lowlevel_notify_store,                                                                 \
      (struct fuse_session *, fuse_ino_t, off_t, struct fuse_bufvec *, enum fuse_buf_copy_flags)) \
    X(void, opt_free_args, (struct fuse_args *))

#define DECLARE(type, name, parameters) type(*name) parameters; // NOLINT
static struct {
    FUNCTIONS(DECLARE)
} fuse;

static bool
find_function(void *library, const char *name, void *out)
{
    void *found = dlsym(library, name);
    memcpy(out, &found, sizeof found);
    return found != NULL;
}

const char *
fi_mount_fuse_missing(void)
{
    static const char message[] = "libfuse 3 cannot be loaded";
    static const char *const names[] = {"libfuse3.so.3", "libfuse3.so.4"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && library == NULL; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    bool has_all = library != NULL;
#define FIND(type, name, parameters) \
    has_all = has_all && find_function(library, "fuse_" #name, &fuse.name);
    FUNCTIONS(FIND)
    return has_all ? NULL : message;
}

/* ==== one mount ==== */

struct mount {
    struct fi_mount_tree *tree;
    struct fi_mount_content *content;
    struct fuse_session *session;
    bool needs_open; /* the kernel is older than 5.1 or so */
    /* A thread gives the kernel files before it asks, which may have to wait for a page until
     * another thread has answered a request: so only one does. True from the beginning if there is
     * no other thread. */
    atomic_bool is_giving;
    atomic_bool has_ended;
};

static struct mount *
mount_of(fuse_req_t request)
{
    return fuse.req_userdata(request);
}

/* The kernel knows a node by its address, and the root by 1. */
static struct fi_mount_node *
node_of(fuse_req_t request, fuse_ino_t inode)
{
    return inode == FUSE_ROOT_ID ? fi_mount_tree_root(mount_of(request)->tree)
                                 : (struct fi_mount_node *)(uintptr_t)inode; // NOLINT
}

static void
fill_stat(const struct fi_mount_node *node, struct stat *out)
{
    static const mode_t types[] = {[FIRN_ENTRY_FILE] = S_IFREG,
                                   [FIRN_ENTRY_DIRECTORY] = S_IFDIR,
                                   [FIRN_ENTRY_SYMLINK] = S_IFLNK};
    int64_t seconds = node->mtime_ns / 1000000000;
    int64_t rest = node->mtime_ns % 1000000000;
    *out = (struct stat){0};
    out->st_ino = node->number;
    out->st_mode = types[node->type] | node->mode;
    out->st_nlink = 1;
    out->st_uid = node->uid;
    out->st_gid = node->gid;
    out->st_size = (off_t)node->size_bytes;
    out->st_blocks = (blkcnt_t)(node->size_bytes / 512 + (node->size_bytes % 512 != 0));
    out->st_blksize = BLOCK_SIZE;
    out->st_mtim.tv_sec = rest < 0 ? seconds - 1 : seconds;
    out->st_mtim.tv_nsec = rest < 0 ? rest + 1000000000 : rest;
    out->st_ctim = out->st_atim = out->st_mtim;
}

static struct fuse_entry_param
entry_of(struct fi_mount_node *node)
{
    struct fuse_entry_param entry = {.ino = (fuse_ino_t)(uintptr_t)node,
                                     .attr_timeout = for_ever,
                                     .entry_timeout = node->may_go ? for_a_moment : for_ever};
    fill_stat(node, &entry.attr);
    return entry;
}

/* ==== requests ==== */

static void
on_init(void *userdata, struct fuse_conn_info *connection)
{
    struct mount *mount = userdata;
    mount->needs_open = (connection->capable & FUSE_CAP_NO_OPEN_SUPPORT) == 0;
    connection->want |= connection->capable & (FUSE_CAP_READDIRPLUS | FUSE_CAP_PARALLEL_DIROPS |
                                               FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_ASYNC_READ);
    connection->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO; /* always */
}

static void
on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fi_mount_node *node;
    int failure =
        fi_mount_tree_lookup(mount_of(request)->tree, node_of(request, parent), name, &node);
    if (failure != 0) {
        (void)fuse.reply_err(request, failure);
        return;
    }
    const struct fuse_entry_param entry = entry_of(node);
    if (fuse.reply_entry(request, &entry) != 0) { /* the kernel did not get it */
        fi_mount_tree_forget(mount_of(request)->tree, node, 1);
    }
}

static void
on_forget(fuse_req_t request, fuse_ino_t inode, uint64_t lookups)
{
    fi_mount_tree_forget(mount_of(request)->tree, node_of(request, inode), lookups);
    fuse.reply_none(request);
}

static void
on_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++) {
        fi_mount_tree_forget(mount_of(request)->tree, node_of(request, forgets[i].ino),
                             forgets[i].nlookup);
    }
    fuse.reply_none(request);
}

static void
on_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    (void)info;
    struct stat status;
    fill_stat(node_of(request, inode), &status);
    (void)fuse.reply_attr(request, &status, for_ever);
}

static void
on_readlink(fuse_req_t request, fuse_ino_t inode)
{
    const struct fi_mount_node *node = node_of(request, inode);
    if (node->target == NULL) {
        (void)fuse.reply_err(request, EINVAL);
        return;
    }
    (void)fuse.reply_readlink(request, node->target);
}

static void
on_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    (void)inode;
    if (!mount_of(request)->needs_open) {
        (void)fuse.reply_err(request, ENOSYS); /* and the kernel does not ask again */
        return;
    }
    info->keep_cache = 1;
    (void)fuse.reply_open(request, info);
}

/* Puts files into the kernel's cache, and lets go of them. What cannot be given is asked for later,
 * and fails then. The kernel has only bytes that were verified: files are read whole. */
static void
mount_fuse_give(struct mount *mount, struct fi_mount_node *const *files, size_t count)
{
    uint8_t *bytes = malloc(FI_MOUNT_AHEAD_SIZE_MAX);
    bool goes_on = bytes != NULL;
    assert(count > 0 && atomic_load(&mount->is_giving));
    for (size_t i = 0; i < count; i++) {
        struct fuse_bufvec content = FUSE_BUFVEC_INIT(files[i]->size_bytes);
        size_t got = 0;
        content.buf[0].mem = bytes;
        if (goes_on && fi_mount_tree_is_ahead(mount->tree, files[i])) {
            goes_on = fi_mount_content_read(mount->content, files[i], 0, files[i]->size_bytes,
                                            bytes, &got) == 0 &&
                      got == files[i]->size_bytes &&
                      fuse.lowlevel_notify_store(mount->session, (fuse_ino_t)(uintptr_t)files[i], 0,
                                                 &content, 0) == 0;
        }
        fi_mount_tree_forget(mount->tree, files[i], 1);
    }
    free(bytes);
    atomic_store(&mount->is_giving, false);
}

static void
on_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
        struct fuse_file_info *info)
{
    (void)info;
    const struct fi_mount_node *node = node_of(request, inode);
    if (node->type != FIRN_ENTRY_FILE || offset < 0) {
        (void)fuse.reply_err(request, EINVAL);
        return;
    }
    uint64_t left = (uint64_t)offset < node->size_bytes ? node->size_bytes - (uint64_t)offset : 0;
    size_t room = left < size ? (size_t)left : size;
    uint8_t *bytes = malloc(room + 1);
    size_t got = 0;
    struct mount *mount = mount_of(request);
    struct fi_mount_node *ahead[FI_MOUNT_AHEAD_MAX];
    size_t ahead_count = 0;
    if (offset == 0 && node->size_bytes > 0) {
        const bool may_give = !atomic_exchange(&mount->is_giving, true);
        ahead_count =
            fi_mount_tree_ahead(mount->tree, node, may_give ? FI_MOUNT_AHEAD_MAX : 0, ahead);
        if (may_give && ahead_count == 0) {
            atomic_store(&mount->is_giving, false);
        }
    }
    int failure = bytes == NULL ? ENOMEM
                                : fi_mount_content_read(mount->content, node, (uint64_t)offset,
                                                        room, bytes, &got);
    if (failure != 0) {
        (void)fuse.reply_err(request, failure);
    } else {
        (void)fuse.reply_buf(request, (const char *)bytes, got);
    }
    free(bytes);
    if (ahead_count > 0) {
        mount_fuse_give(mount, ahead, ahead_count);
    }
}

static void
on_opendir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    struct fi_mount_tree *tree = mount_of(request)->tree;
    struct fi_mount_node *directory = node_of(request, inode);
    struct fi_mount_listing *listing;
    bool stays = !fi_mount_tree_changes(directory);
    int failure = fi_mount_tree_list(tree, directory, &listing);
    if (failure != 0) {
        (void)fuse.reply_err(request, failure);
        return;
    }
    info->fh = (uintptr_t)listing;
    info->keep_cache = stays;
    info->cache_readdir = stays;
    if (fuse.reply_open(request, info) != 0) { /* the kernel did not get it */
        fi_mount_tree_list_close(tree, listing);
    }
}

static struct fi_mount_listing *
listing_of(const struct fuse_file_info *info)
{
    return (struct fi_mount_listing *)(uintptr_t)info->fh; // NOLINT
}

static void
on_releasedir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    (void)inode;
    fi_mount_tree_list_close(mount_of(request)->tree, listing_of(info));
    (void)fuse.reply_err(request, 0);
}

/* A part of a directory. Offset n is after the n-th entry; "." and ".." are the first two. */
struct part {
    fuse_req_t request;
    char *bytes;
    size_t size, capacity;
    off_t offset;
    bool has_attributes;
};

/* Returns false if there is no room for it. */
static bool
add_entry(struct part *part, const char *name, const struct fuse_entry_param *entry)
{
    char *end = part->bytes + part->size;
    size_t room = part->capacity - part->size;
    off_t next = part->offset + 1;
    size_t size = part->has_attributes
                      ? fuse.add_direntry_plus(part->request, end, room, name, entry, next)
                      : fuse.add_direntry(part->request, end, room, name, &entry->attr, next);
    if (size > room) {
        return false;
    }
    part->size += size;
    part->offset = next;
    return true;
}

static bool
add_child(void *ctx, struct fi_mount_node *child)
{
    const struct fuse_entry_param entry = entry_of(child);
    return add_entry(ctx, child->name, &entry);
}

/* "." and "..": their inode 0 says that they were not looked up. */
static void
add_dot(struct part *part, const char *name, const struct fi_mount_node *directory)
{
    struct fuse_entry_param entry = {0};
    fill_stat(directory, &entry.attr);
    bool is_added = add_entry(part, name, &entry);
    assert(is_added);
    (void)is_added;
}

static void
read_directory(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
               const struct fuse_file_info *info, bool has_attributes)
{
    enum { DOTS_SIZE_MAX = 512 };
    const struct fi_mount_node *directory = node_of(request, inode);
    struct part part = {
        .request = request, .capacity = size, .offset = offset, .has_attributes = has_attributes};
    if (size < DOTS_SIZE_MAX || offset < 0) {
        (void)fuse.reply_err(request, EINVAL);
        return;
    }
    part.bytes = malloc(size);
    if (part.bytes == NULL) {
        (void)fuse.reply_err(request, ENOMEM);
        return;
    }
    if (part.offset == 0) {
        add_dot(&part, ".", directory);
    }
    if (part.offset == 1) {
        add_dot(&part, "..", directory);
    }
    fi_mount_tree_visit(mount_of(request)->tree, listing_of(info), (size_t)part.offset - 2,
                        has_attributes, add_child, &part);
    (void)fuse.reply_buf(request, part.bytes, part.size);
    free(part.bytes);
}

static void
on_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
           struct fuse_file_info *info)
{
    read_directory(request, inode, size, offset, info, false);
}

static void
on_readdirplus(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
               struct fuse_file_info *info)
{
    read_directory(request, inode, size, offset, info, true);
}

static void
on_statfs(fuse_req_t request, fuse_ino_t inode)
{
    (void)inode;
    const struct statvfs status = {
        .f_bsize = BLOCK_SIZE, .f_frsize = BLOCK_SIZE, .f_namemax = NAME_MAX_SIZE};
    (void)fuse.reply_statfs(request, &status);
}

/* ---- extended attributes ---- */

/* Answers with bytes, or with their size if the kernel asks for that. */
static void
reply_sized(fuse_req_t request, firn_slice bytes, size_t size)
{
    if (size == 0) {
        (void)fuse.reply_xattr(request, bytes.size);
    } else if (bytes.size > size) {
        (void)fuse.reply_err(request, ERANGE);
    } else {
        (void)fuse.reply_buf(request, (const char *)bytes.data, bytes.size);
    }
}

static void
on_getxattr(fuse_req_t request, fuse_ino_t inode, const char *name, size_t size)
{
    const struct fi_mount_node *node = node_of(request, inode);
    firn_slice left = firn_bytes(node->xattrs, node->xattrs_size);
    firn_slice found, value;
    while (firn_workspace_xattrs_next(&left, &found, &value)) {
        if (found.size == strlen(name) && memcmp(found.data, name, found.size) == 0) {
            reply_sized(request, value, size);
            return;
        }
    }
    (void)fuse.reply_err(request, ENODATA);
}

static void
on_listxattr(fuse_req_t request, fuse_ino_t inode, size_t size)
{
    const struct fi_mount_node *node = node_of(request, inode);
    firn_slice left = firn_bytes(node->xattrs, node->xattrs_size);
    firn_slice found, value;
    char *names = malloc(node->xattrs_size + 1); /* a size took at least the byte of a NUL */
    size_t at = 0;
    if (names == NULL) {
        (void)fuse.reply_err(request, ENOMEM);
        return;
    }
    while (firn_workspace_xattrs_next(&left, &found, &value)) {
        assert(at + found.size < node->xattrs_size);
        memcpy(names + at, found.data, found.size);
        at += found.size;
        names[at++] = '\0';
    }
    reply_sized(request, firn_bytes(names, at), size);
    free(names);
}

static const struct fuse_lowlevel_ops operations = {
    .init = on_init,
    .lookup = on_lookup,
    .forget = on_forget,
    .forget_multi = on_forget_multi,
    .getattr = on_getattr,
    .readlink = on_readlink,
    .open = on_open,
    .read = on_read,
    .opendir = on_opendir,
    .releasedir = on_releasedir,
    .readdir = on_readdir,
    .readdirplus = on_readdirplus,
    .statfs = on_statfs,
    .getxattr = on_getxattr,
    .listxattr = on_listxattr,
};

/* ==== threads ==== */

static void
wake(int signal)
{
    (void)signal;
}

static void *
mount_fuse_serve(void *ctx)
{
    struct mount *mount = ctx;
    struct fuse_buf buffer = {0};
    while (!fuse.session_exited(mount->session)) {
        int got = fuse.session_receive_buf(mount->session, &buffer);
        if (got == -EINTR) {
            continue;
        }
        if (got <= 0) {
            break; /* unmounted */
        }
        fuse.session_process_buf(mount->session, &buffer);
    }
    free(buffer.mem);
    fuse.session_exit(mount->session);
    atomic_store(&mount->has_ended, true);
    fi_term_signals_wake();
    return NULL;
}

/* A thread that waits for the kernel is woken by a signal, again and again: it may not wait yet. */
static void
mount_fuse_join(pthread_t thread)
{
    for (;;) {
        struct timespec until = {0};
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 10000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        (void)pthread_kill(thread, SIGUSR1);
        if (pthread_timedjoin_np(thread, NULL, &until) == 0) {
            return;
        }
    }
}

/* The threads leave the program's signals to this one. */
static size_t
mount_fuse_start(struct mount *mount, pthread_t threads[THREADS])
{
    sigset_t ours, before;
    size_t count = 0;
    (void)sigfillset(&ours);
    (void)sigdelset(&ours, SIGUSR1);
    (void)pthread_sigmask(SIG_SETMASK, &ours, &before);
    while (count < THREADS && pthread_create(&threads[count], NULL, mount_fuse_serve, mount) == 0) {
        count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count;
}

/* Returns false if there is no thread to answer. */
static bool
mount_fuse_answer(struct mount *mount, void (*on_mounted)(void *ctx), void *ctx)
{
    enum { WAIT_NS = 1000000000 };
    const struct sigaction waking = {.sa_handler = wake};
    struct sigaction before;
    pthread_t threads[THREADS];
    (void)sigaction(SIGUSR1, &waking, &before);
    size_t count = mount_fuse_start(mount, threads);
    atomic_store(&mount->is_giving, count < 2);
    if (count > 0) {
        on_mounted(ctx);
    }
    while (count > 0 && fi_term_signals_caught() == 0 && !atomic_load(&mount->has_ended)) {
        fi_term_signals_wait(WAIT_NS);
    }
    fuse.session_exit(mount->session);
    for (size_t i = 0; i < count; i++) {
        mount_fuse_join(threads[i]);
    }
    (void)sigaction(SIGUSR1, &before, NULL);
    return count > 0;
}

bool
fi_mount_fuse_run(struct fi_mount_tree *tree, struct fi_mount_content *content,
                  const char *directory, bool allows_others, void (*on_mounted)(void *ctx),
                  void *ctx)
{
    char program[] = "firn", option[] = "-o";
    char options[] = "ro,nosuid,nodev,noatime,fsname=firn,subtype=firn";
    char shared[] = "ro,nosuid,nodev,noatime,fsname=firn,subtype=firn,allow_other,"
                    "default_permissions";
    char *words[] = {program, option, allows_others ? shared : options, NULL};
    struct fuse_args arguments = {.argc = 3, .argv = words};
    struct mount mount = {.tree = tree, .content = content};
    atomic_init(&mount.has_ended, false);
    atomic_init(&mount.is_giving, true);
    mount.session = fuse.session_new(&arguments, &operations, sizeof operations, &mount);
    bool is_mounted = mount.session != NULL && fuse.session_mount(mount.session, directory) == 0;
    if (is_mounted) {
        is_mounted = mount_fuse_answer(&mount, on_mounted, ctx);
        fuse.session_unmount(mount.session);
    }
    if (mount.session != NULL) {
        fuse.session_destroy(mount.session);
    }
    fuse.opt_free_args(&arguments);
    return is_mounted;
}
