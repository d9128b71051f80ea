/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor/doctor.h: what is not as it should be.
 */
#ifndef FIRN_DOCTOR_DOCTOR_H
#define FIRN_DOCTOR_DOCTOR_H

#include "command/command.h"

extern const struct fi_command fi_doctor;

/* The first steps, where nothing is saved of the current directory yet; NULL elsewhere, and where
 * that cannot be told. */
const char *fi_doctor_begin(struct fi_cli *cli);

#endif
