/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_broad.c: whether a directory is larger than people mean to save.
 *
 * A command in the wrong directory would save a home with everything that programs keep there, or a
 * whole system. So programs ask before they save such a root for the first time: "/", the user's
 * home, a directory above the folder of stores, which would be saved into itself, or the root of a
 * file system. The last means a disk, not a part of one that is mounted by itself, as containers
 * mount a project. If that cannot be determined, the root does not count as broad: the question is
 * a help, not a protection.
 */
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/slice.h"
#include "handle/ws_opened.h"

enum { MOUNTS_SIZE_MAX = 1 << 20 };

/* The real path of a directory, with its NUL; false if there is none. */
static bool
find_real(struct fi_os *os, const char *path, struct fi_buf *out)
{
    struct fi_os_dir *dir;
    if (path == NULL || path[0] != '/' || fi_os_dir_open_path(os, path, &dir, NULL) != FIRN_OK) {
        return false;
    }
    fi_buf_clear(out);
    bool is_found = fi_os_dir_real_path(dir, out, NULL) == FIRN_OK && fi_buf_text(out) != NULL;
    fi_os_dir_close(dir);
    return is_found;
}

static bool
is_home(struct fi_os *os, const char *root)
{
    struct fi_buf home = {0};
    bool is_same = find_real(os, fi_os_environment(os, "HOME"), &home) &&
                   strcmp((const char *)home.data, root) == 0;
    fi_buf_deinit(&home);
    return is_same;
}

static bool
is_above_stores(struct fi_os *os, const char *root)
{
    struct fi_buf real = {0};
    char *home = NULL;
    size_t size = strlen(root);
    bool is_above = fi_trust_home(os, &home, NULL) == FIRN_OK && find_real(os, home, &real) &&
                    strncmp((const char *)real.data, root, size) == 0 &&
                    (real.data[size] == '/' || real.data[size] == '\0');
    fi_buf_deinit(&real);
    fi_free(home);
    return is_above;
}

/* The next word of a line of mountinfo(5), which writes some bytes as a backslash and three octal
 * digits; decoded in place. NULL at the line's end. */
static char *
next_word(char **at)
{
    char *word = *at;
    char *out = word;
    char *in = word;
    if (*word == '\0') {
        return NULL;
    }
    while (*in != ' ' && *in != '\0') {
        bool is_escape = in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' &&
                         in[2] <= '7' && in[3] >= '0' && in[3] <= '7';
        if (is_escape) {
            int byte = (in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0');
            *out = (char)byte;
        } else {
            *out = *in;
        }
        out++;
        in += is_escape ? 4 : 1;
    }
    DCHECK(out <= in); /* it overwrites what was read */
    *at = in + (*in == ' ');
    *out = '\0';
    return word;
}

/* Whether a line says that a whole file system is mounted at a path: the fourth word is the
 * directory in the file system, the fifth the mount point. */
static bool
is_mount_of(char *line, const char *root)
{
    enum { INSIDE = 3, POINT = 4 };
    char *words[POINT + 1];
    for (size_t i = 0; i <= POINT; i++) {
        words[i] = next_word(&line);
        if (words[i] == NULL) {
            return false;
        }
    }
    return strcmp(words[INSIDE], "/") == 0 && strcmp(words[POINT], root) == 0;
}

static bool
is_file_system(struct fi_os *os, const char *root)
{
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *file = NULL;
    struct fi_buf text = {0};
    size_t size = 0;
    bool is_one = false;
    int rc;
    FI_TRY(fi_os_dir_open_path(os, "/proc/self", &dir, NULL));
    FI_TRY(fi_os_file_open(dir, "mountinfo", FI_OS_READ, 0, &file, NULL));
    FI_TRY(fi_buf_set_size(&text, MOUNTS_SIZE_MAX));
    FI_TRY(fi_os_file_read(file, 0, text.data, text.size - 1, &size, NULL));
    DCHECK(size < text.size);
    text.data[size] = '\0';
    for (char *line = (char *)text.data; line != NULL && !is_one;) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end = '\0';
        }
        is_one = is_mount_of(line, root);
        line = end == NULL ? NULL : end + 1;
    }
out:
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    fi_buf_deinit(&text);
    return rc == FIRN_OK && is_one;
}

const char *
fi_ws_broad_why(const struct firn_ws *ws)
{
    const char *root = ws->place.root;
    if (strcmp(root, "/") == 0) {
        return "the whole system";
    }
    if (is_home(ws->os, root)) {
        return "your home directory";
    }
    if (is_above_stores(ws->os, root)) {
        return "a directory in which firn keeps its stores";
    }
    return is_file_system(ws->os, root) ? "a whole file system" : NULL;
}
