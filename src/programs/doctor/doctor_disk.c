/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor/doctor_disk.c: the file system that a path is on.
 *
 * Its kind is told by the numbers of statfs(2), which are part of Linux's interface. Those that
 * <linux/magic.h> lacks are written here.
 */
#include "doctor/doctor_internal.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#ifndef CIFS_SUPER_MAGIC
#define CIFS_SUPER_MAGIC 0xff534d42
#endif
#ifndef SMB2_SUPER_MAGIC
#define SMB2_SUPER_MAGIC 0xfe534d42
#endif
#define LUSTRE_SUPER_MAGIC 0x0bd00bd0
#define GFS2_SUPER_MAGIC 0x01161970

static bool
is_any_of(uint32_t magic, const uint32_t *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (magic == kinds[i]) {
            return true;
        }
    }
    return false;
}

/* Replaces the path of what is not there by that of the nearest directory above it. */
static bool
find_there(const char *path, char out[PATH_MAX], struct stat *out_stat)
{
    int size = snprintf(out, PATH_MAX, "%s", path);
    if (size <= 0 || size >= PATH_MAX) {
        return false;
    }
    while (stat(out, out_stat) != 0) {
        char *slash = strrchr(out, '/');
        if (errno != ENOENT || slash == NULL || strcmp(out, "/") == 0) {
            return false;
        }
        slash[slash == out ? 1 : 0] = '\0';
    }
    return true;
}

bool
fi_doctor_disk_look(const char *path, struct fi_doctor_disk *out)
{
    static const uint32_t remote[] = {
        NFS_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB_SUPER_MAGIC,    SMB2_SUPER_MAGIC, CEPH_SUPER_MAGIC,
        AFS_SUPER_MAGIC, AFS_FS_MAGIC,     LUSTRE_SUPER_MAGIC, GFS2_SUPER_MAGIC, V9FS_MAGIC};
    static const uint32_t in_memory[] = {TMPFS_MAGIC, RAMFS_MAGIC};
    static const uint32_t layered[] = {OVERLAYFS_SUPER_MAGIC};
    char there[PATH_MAX];
    struct stat stat;
    struct statfs kind;
    struct statvfs room;
    if (!find_there(path, there, &stat) || statfs(there, &kind) != 0 ||
        statvfs(there, &room) != 0) {
        return false;
    }
    const uint32_t magic = (uint32_t)kind.f_type;
    *out = (struct fi_doctor_disk){
        .device = (uint64_t)stat.st_dev,
        .free_bytes = (uint64_t)room.f_bavail * room.f_frsize,
        .is_read_only = (room.f_flag & ST_RDONLY) != 0,
        .is_in_memory = is_any_of(magic, in_memory, sizeof(in_memory) / sizeof(*in_memory)),
        .is_remote = is_any_of(magic, remote, sizeof(remote) / sizeof(*remote)),
        .is_layered = is_any_of(magic, layered, sizeof(layered) / sizeof(*layered))};
    return true;
}
