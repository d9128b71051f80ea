/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_secret.h: the arguments `cipher`, `key` and `secret`.
 */
#ifndef FP_SECRET_H
#define FP_SECRET_H

#include "fp.h"

/* A copy of a key; NULL for None. False with an exception. Freed, and wiped, by fp_secret_free. */
struct fp_secret;
bool fp_secret_take(PyObject *argument, struct fp_secret **out);
void fp_secret_free(struct fp_secret *key);
/* A source that gives this key, which may be NULL. Needs no lock of the interpreter. */
firn_keys_source fp_secret_source(struct fp_secret *key);
/* The secret itself, borrowed. */
firn_keys_secret fp_secret_given(const struct fp_secret *key);
/* The word of a cipher. */
const char *fp_cipher_word(firn_cipher cipher);
/* The cipher of a word or NULL. False with an exception. */
bool fp_cipher(const char *word, firn_cipher *out);

/* Functions of the module (fp_keys.c). */
PyObject *fp_keys(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *fp_keys_rekey(PyObject *module, PyObject *args, PyObject *keywords);

#endif
