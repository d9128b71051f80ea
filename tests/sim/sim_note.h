/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_note.h: what was made to fail last: which allocation, which call, where the power went. A test that fails says so
 * (sim_note.c), since the loops over all points of an operation stop at the first one with which something is wrong.
 */
#ifndef FIRN_SIM_SIM_NOTE_H
#define FIRN_SIM_SIM_NOTE_H

/* Forgets the note, since other points are to fail from now on. */
void fi_sim_note_clear(void);
/* Something has just been made to fail; until the note is cleared the first one counts. From any thread. */
void fi_sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
