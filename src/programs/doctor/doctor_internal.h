/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor/doctor_internal.h: what is known of a disk. Only doctor*.c include it.
 */
#ifndef FIRN_DOCTOR_DOCTOR_INTERNAL_H
#define FIRN_DOCTOR_DOCTOR_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

struct fi_doctor_disk {
    uint64_t device;
    uint64_t free_bytes; /* for this user */
    bool is_read_only;
    bool is_in_memory; /* lost when the machine stops */
    bool is_remote;    /* another machine's */
    bool is_layered;   /* of a container, as a rule: lost when that is removed */
};

/* The file system of a path, or of the nearest directory above it that is there. False if that
 * cannot be told. */
bool fi_doctor_disk_look(const char *path, struct fi_doctor_disk *out);

#endif
