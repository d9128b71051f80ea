/* SPDX-License-Identifier: Apache-2.0
 *
 * service/service_power.c: whether the machine runs on its battery.
 *
 * Linux describes each power supply by a directory (Documentation/ABI/testing/sysfs-class-power).
 * The machine runs on its battery if a battery of it is being discharged and no supply of the mains
 * is connected. Batteries of devices, such as mice, have the scope "Device".
 */
#include "service/service.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORD_SIZE = 32 };

/* The first line of a small file; "" if there is none. */
static void
read_word(const char *directory, const char *supply, const char *name, char out[WORD_SIZE])
{
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof(path), "%s/%s/%s", directory, supply, name);
    out[0] = '\0';
    if (length <= 0 || (size_t)length >= sizeof(path)) {
        return;
    }
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    const ssize_t size = read(fd, out, WORD_SIZE - 1);
    out[size > 0 ? size : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    (void)close(fd);
}

bool
fi_service_power_is_battery(const char *directory)
{
    DIR *supplies = opendir(directory);
    bool is_discharging = false;
    bool has_mains = false;
    if (supplies == NULL) {
        return false;
    }
    for (const struct dirent *entry; (entry = readdir(supplies)) != NULL;) {
        char type[WORD_SIZE];
        char word[WORD_SIZE];
        read_word(directory, entry->d_name, "type", type);
        if (strcmp(type, "Mains") == 0 || strcmp(type, "USB") == 0) {
            read_word(directory, entry->d_name, "online", word);
            has_mains = has_mains || strcmp(word, "1") == 0;
        } else if (strcmp(type, "Battery") == 0) {
            read_word(directory, entry->d_name, "scope", word);
            const bool is_of_device = strcmp(word, "Device") == 0;
            read_word(directory, entry->d_name, "status", word);
            is_discharging = is_discharging || (!is_of_device && strcmp(word, "Discharging") == 0);
        }
    }
    (void)closedir(supplies);
    return is_discharging && !has_mains;
}
