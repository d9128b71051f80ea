/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os/machine.c: see the header.
 */
#include "machine.h"

#include <string.h>

#include "base/mem.h"
#include "support/test_os.h"

struct firn_os *
machine_create(uint64_t seed)
{
    firn_error err;
    struct firn_os *os;
    TEST_OK(firn_sim_memory_create(seed, &os, &err), &err);
    return os;
}

struct firn_os *
machine_create_lazy(void)
{
    struct firn_os *os = machine_create(1);
    firn_sim_memory_set_writeback(os, 0);
    return os;
}

struct firn_os *
machine_clone_and_cut(struct firn_os *os, uint64_t seed)
{
    firn_error err;
    struct firn_os *clone;
    TEST_OK(firn_sim_memory_clone(os, &clone, &err), &err);
    firn_sim_memory_power_cut(clone, seed);
    return clone;
}

struct firn_os_file *
machine_open_rw(struct firn_os_dir *dir, const char *name)
{
    firn_error err;
    struct firn_os_file *file;
    unsigned flags = FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE;
    TEST_OK(firn_os_file_open(dir, name, flags, 0644, &file, &err), &err);
    return file;
}

void
machine_put_synced(struct firn_os_dir *dir, const char *name, const char *text)
{
    firn_error err;
    struct firn_os_file *file = machine_open_rw(dir, name);
    TEST_OK(firn_os_file_truncate(file, 0, &err), &err);
    TEST_OK(firn_os_file_write(file, 0, text, strlen(text), &err), &err);
    TEST_OK(firn_os_file_sync_all(file, &err), &err);
    firn_os_file_close(file);
}

struct firn_os_dir *
machine_make_dir(struct firn_os_dir *dir, const char *name)
{
    firn_error err;
    struct firn_os_dir *made;
    TEST_OK(firn_os_make_dir(dir, name, 0755, &err), &err);
    TEST_OK(firn_os_dir_open(dir, name, &made, &err), &err);
    return made;
}

bool
machine_has_text(struct firn_os_dir *dir, const char *name, const char *text)
{
    char *bytes = test_os_get(dir, name, NULL);
    bool same = bytes != NULL && strcmp(bytes, text) == 0;
    firn_free(bytes);
    return same;
}
