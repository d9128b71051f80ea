/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os/machine.c: see the header.
 */
#include "machine.h"

#include <string.h>

#include "base/mem.h"
#include "support/test_os.h"

struct fi_os *
machine_create(uint64_t seed)
{
    firn_error err;
    struct fi_os *os;
    TEST_OK(fi_sim_memory_create(seed, &os, &err), &err);
    return os;
}

struct fi_os *
machine_create_lazy(void)
{
    struct fi_os *os = machine_create(1);
    fi_sim_memory_set_writeback(os, 0);
    return os;
}

struct fi_os *
machine_clone_and_cut(struct fi_os *os, uint64_t seed)
{
    firn_error err;
    struct fi_os *clone;
    TEST_OK(fi_sim_memory_clone(os, &clone, &err), &err);
    fi_sim_memory_power_cut(clone, seed);
    return clone;
}

struct fi_os_file *
machine_open_rw(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct fi_os_file *file;
    unsigned flags = FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE;
    TEST_OK(fi_os_file_open(dir, name, flags, 0644, &file, &err), &err);
    return file;
}

void
machine_put_synced(struct fi_os_dir *dir, const char *name, const char *text)
{
    firn_error err;
    struct fi_os_file *file = machine_open_rw(dir, name);
    TEST_OK(fi_os_file_truncate(file, 0, &err), &err);
    TEST_OK(fi_os_file_write(file, 0, text, strlen(text), &err), &err);
    TEST_OK(fi_os_file_sync_all(file, &err), &err);
    fi_os_file_close(file);
}

struct fi_os_dir *
machine_make_dir(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct fi_os_dir *made;
    TEST_OK(fi_os_make_dir(dir, name, 0755, &err), &err);
    TEST_OK(fi_os_dir_open(dir, name, &made, &err), &err);
    return made;
}

bool
machine_has_text(struct fi_os_dir *dir, const char *name, const char *text)
{
    char *bytes = test_os_get(dir, name, NULL);
    bool same = bytes != NULL && strcmp(bytes, text) == 0;
    fi_free(bytes);
    return same;
}
