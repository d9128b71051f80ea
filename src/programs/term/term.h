/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term.h: standard output as text and as JSON, escaping of foreign bytes, the progress line,
 * and requests to stop. It knows nothing of commands.
 */
#ifndef FIRN_TERM_TERM_H
#define FIRN_TERM_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "firn/notice.h"

/* How the program ends. The numbers are promised to scripts. */

enum fi_exit {
    FI_EXIT_OK = 0,
    FI_EXIT_FAILED = 1,
    FI_EXIT_USAGE = 2,
    FI_EXIT_NOT_FOUND = 3,
    FI_EXIT_LOCKED = 4,  /* locked, or in conflict */
    FI_EXIT_CORRUPT = 5, /* damaged data */
    FI_EXIT_PARTIAL = 6, /* done, but something named was left out */
    FI_EXIT_SIGNAL = 128 /* plus the signal's number */
};

/* ---- how numbers, sizes, times and foreign names look in what people read ---- */

/* The length of the UTF-8 sequence at the start of `bytes`, and its code point; 0 if there is no
 * valid one. */
size_t fi_term_text_decode(firn_slice bytes, uint32_t *out_point);
/* Whether a code point moves the cursor, hides text or turns its direction: never shown as
 * itself. */
bool fi_term_text_is_control(uint32_t point);

/* The longest form of one byte, "\377", and its NUL. */
enum { FI_TERM_TEXT_ESCAPED_SIZE = 5 };

/* How many bytes at the start are printable ASCII that needs no escape anywhere: no backslash, no
 * quotation mark. */
size_t fi_term_text_plain(firn_slice bytes);

/* Calls put with pieces that together are the bytes as one printable line: what is printable
 * UTF-8 as it is, a backslash doubled, \a \b \t \n \v \f \r for those, every other byte as \ and
 * three octal digits. It can be undone. */
void fi_term_text_escape(firn_slice bytes, void (*put)(const void *data, size_t size));

/* How many columns of a terminal a text takes: ideographs and emoji two, combining marks none.
 * Bytes that are no UTF-8 counts one a byte. */
size_t fi_term_width_of(firn_slice text);

/* A minus sign, and an ellipsis; those of ASCII where the locale is C or POSIX (LC_ALL, LC_CTYPE,
 * LANG). */
const char *fi_term_text_minus(void);
const char *fi_term_text_ellipsis(void);

/* Hands the first line of a text to put(), escaped; of more than `columns` columns, or where
 * further lines follow, the beginning and an ellipsis. */
void fi_term_width_cut(firn_slice text, size_t columns, void (*put)(const void *data, size_t size));

enum { FI_TERM_TEXT_NUMBER_SIZE = 28, FI_TERM_TEXT_SIZE_SIZE = 16, FI_TERM_TEXT_TIME_SIZE = 40 };

/* "78,635". Returns out[FI_TERM_TEXT_NUMBER_SIZE]. */
const char *fi_term_text_number(uint64_t number, char *out);
/* "512 B", "14 KB", "26.1 MB", "1.30 GB": powers of 1,000. Returns
 * out[FI_TERM_TEXT_SIZE_SIZE]. */
const char *fi_term_text_size(uint64_t bytes, char *out);
/* Local time, "2026-11-20 14:00:03". Returns out[FI_TERM_TEXT_TIME_SIZE]. */
const char *fi_term_text_time(int64_t since_epoch_ns, char *out);
/* How far local time was ahead of UTC then: "+01:00". Returns out[FI_TERM_TEXT_TIME_SIZE]. */
const char *fi_term_text_zone(int64_t since_epoch_ns, char *out);
/* RFC 3339, local time with nanoseconds: "2026-11-20T14:00:03.000000000+01:00", or with Z. Returns
 * out[FI_TERM_TEXT_TIME_SIZE]. */
const char *fi_term_text_rfc3339(int64_t since_epoch_ns, char *out);

/* "12 seconds ago", "3 days ago"; the date of what is older than four weeks or in the future.
 * Returns out[FI_TERM_TEXT_TIME_SIZE]. */
const char *fi_term_text_ago(int64_t since_epoch_ns, int64_t now_ns, char *out);

/* ---- colours of standard output ---- */

#define FI_TERM_BOLD "\033[1m"
#define FI_TERM_RED "\033[31m"
#define FI_TERM_GREEN "\033[32m"
#define FI_TERM_YELLOW "\033[33m"
#define FI_TERM_CYAN "\033[36m"
#define FI_TERM_PLAIN "\033[m"

/* "always", "never", "auto" or NULL, which is auto: on a terminal, unless NO_COLOR is set or TERM
 * is dumb. Returns false for another word. Before this there are none. */
bool fi_term_colour_choose(const char *when);
bool fi_term_colour_is_on(void);
/* Prints the sequence, one of those above, if there are colours. */
void fi_term_colour(const char *colour);

/* The progress of a phase: "1,200 of 80,000 files, 14 MB", or the known part of it; may be
 * empty. */
void fi_term_text_progress(const firn_progress *progress, char *out, size_t size);

/* "file" or "files", as the number asks. */
const char *fi_term_text_plural(uint64_t number, const char *one, const char *many);

/* ---- standard output ---- */

/* Buffered, with a memory for the first failure. Nothing else in the program writes to standard
 * output. After a failure all of these do nothing, and while the object of --json is open, too:
 * lines are for people. */
void fi_term_out_write(const void *data, size_t size);
void fi_term_out_text(const char *text);
void fi_term_out_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fi_term_out_flush(void);
/* The same for what is to go out in any case: the object itself. */
void fi_term_out_put(const void *data, size_t size);
/* From now on lines are dropped: the object of --json is open. fi_term_out_put is not concerned. */
void fi_term_out_drop_lines(bool drops);

/* From now on output goes to another descriptor, a pager's; with STDOUT_FILENO to standard output
 * again. That the other one could not be written to is forgotten then. */
void fi_term_out_divert(int fd);
/* Calls begin once, before the next bytes are written; NULL: does not. It writes nothing itself. */
void fi_term_out_before_first(void (*begin)(void));
/* Whether begin is still to be called, and something waits to be written that leaves a row of the
 * terminal free. */
bool fi_term_out_fits(void);

/* ---- other programs ---- */

/* Starts the program arguments[0], which is looked for in PATH, with signals as programs expect
 * them. `from` and `to` become its standard input and output; -1: as in this program. Returns an
 * errno. */
int fi_term_spawn(char *const arguments[], int from, int to, pid_t *out);

/* ---- a pager ---- */

/* Starts a pager if one is wanted and there is one, and diverts output to it. Returns whether it
 * did. */
bool fi_term_pager_open(void);
/* Ends the output to the pager, and waits until it is left. *out_was_left: by the user, before the
 * end. Returns false if its program was not found. */
bool fi_term_pager_close(bool *out_was_left);
bool fi_term_pager_is_open(void);
/* Opens it with the first output, if standard output is a terminal. Returns whether it may be
 * opened. */
bool fi_term_pager_arm(void);
/* There will be none after all, unless it is open. */
void fi_term_pager_disarm(void);
/* The same if what waits to be written fits the terminal: for the end of the output, or where a
 * message interrupts it. */
void fi_term_pager_resolve(void);

/* The columns of the terminal that standard output is; 0: it is none. */
size_t fi_term_out_columns(void);
/* The errno of the first write that failed, or 0. A long listing asks now and then and stops. */
int fi_term_out_error(void);

/* ---- JSON ---- */

enum { FI_TERM_WRITER_DEPTH_MAX = 15 };

/* Writes JSON text. All zero is one that writes into memory, and is at the start of a value, or of
 * the members of an object whose brackets the caller writes. */
struct fi_term_writer {
    void (*put)(const void *data, size_t size); /* where it goes at once; NULL: into memory */
    char *data;                                 /* in memory: size bytes, without a NUL */
    size_t size;
    size_t capacity;
    bool has_failed;       /* memory ran out; what is there is of no use */
    bool escapes_controls; /* what a terminal may obey; otherwise only those of ASCII */
    int depth;
    char closing[FI_TERM_WRITER_DEPTH_MAX + 1]; /* by depth, from 1: '}' or ']' */
    bool has_value[FI_TERM_WRITER_DEPTH_MAX + 1];
};

void fi_term_writer_deinit(struct fi_term_writer *writer);
/* Empties it, and forgets a failure; keeps the memory. */
void fi_term_writer_clear(struct fi_term_writer *writer);
firn_slice fi_term_writer_slice(const struct fi_term_writer *writer);

/* key is NULL inside an array. Calls that do not fit together abort the program. Without a writer
 * (NULL) nothing is written. */
void fi_term_writer_object(struct fi_term_writer *writer, const char *key);
void fi_term_writer_array(struct fi_term_writer *writer, const char *key);
/* Closes the innermost object or array. */
void fi_term_writer_end(struct fi_term_writer *writer);

void fi_term_writer_u64(struct fi_term_writer *writer, const char *key, uint64_t value);
void fi_term_writer_bool(struct fi_term_writer *writer, const char *key, bool value);
void fi_term_writer_null(struct fi_term_writer *writer, const char *key);
void fi_term_writer_string(struct fi_term_writer *writer, const char *key, const char *value);
/* A string; each byte that is not part of UTF-8 becomes U+FFFD. */
void fi_term_writer_text(struct fi_term_writer *writer, const char *key, firn_slice value);
/* Likewise, in an object, and where there was such a byte a second member, `key`_hex, has all of
 * them in hexadecimal. */
void fi_term_writer_bytes(struct fi_term_writer *writer, const char *key, firn_slice value);
/* 64 hexadecimal digits. */
void fi_term_writer_hash(struct fi_term_writer *writer, const char *key, const firn_hash *value);
/* RFC 3339, local, nanoseconds. */
void fi_term_writer_time(struct fi_term_writer *writer, const char *key, int64_t since_epoch_ns);
/* null where has is false. */
void fi_term_writer_u64_if(struct fi_term_writer *writer, const char *key, uint64_t value,
                           bool has);
void fi_term_writer_string_if(struct fi_term_writer *writer, const char *key, const char *value,
                              bool has);
void fi_term_writer_time_if(struct fi_term_writer *writer, const char *key, int64_t since_epoch_ns,
                            bool has);
/* A value, or members of an object with commas between them (key NULL), that are JSON already. */
void fi_term_writer_raw(struct fi_term_writer *writer, const char *key, firn_slice value);
/* Bytes as they are, with no comma: what is no JSON at all. */
void fi_term_writer_put(struct fi_term_writer *writer, const void *data, size_t size);

/* From now on what is written to standard output goes to the end of this memory instead, until it
 * has so many bytes; what comes then is dropped. NULL ends that. */
void fi_term_out_into(struct fi_term_writer *writer, size_t size_max);

/* ---- the JSON object on standard output ---- */

/* The object is always valid, also if a command fails half way: it is opened before the command
 * runs and closed after it. In between the command adds members and fills arrays. Without --json
 * the object is not open and these calls do nothing: a command emits its results as members and as
 * lines, and need not ask which of them are wanted. */

/* Opens the object, if that has not been done. */
void fi_term_json_begin(void);
bool fi_term_json_is_open(void);
/* From now on another writer counts as the open object: members go into it, and lines are dropped.
 * NULL ends that. */
void fi_term_json_into(struct fi_term_writer *result);
/* The writer of the object, NULL while it is not open. */
struct fi_term_writer *fi_term_json_writer(void);
/* Closes what is open, down to the outermost object. */
void fi_term_json_unwind(void);
/* Unwinds, closes the outermost object, ends the line. Nothing if there is none. */
void fi_term_json_finish(void);

/* As those of a writer. */
void fi_term_json_object(const char *key);
void fi_term_json_array(const char *key);
void fi_term_json_end(void);
void fi_term_json_u64(const char *key, uint64_t value);
void fi_term_json_bool(const char *key, bool value);
void fi_term_json_null(const char *key);
void fi_term_json_string(const char *key, const char *value);
void fi_term_json_text(const char *key, firn_slice value);
void fi_term_json_bytes(const char *key, firn_slice value);
void fi_term_json_hash(const char *key, const firn_hash *value);
void fi_term_json_time(const char *key, int64_t since_epoch_ns);
void fi_term_json_u64_if(const char *key, uint64_t value, bool has);
void fi_term_json_string_if(const char *key, const char *value, bool has);
void fi_term_json_time_if(const char *key, int64_t since_epoch_ns, bool has);

/* ---- paths, shown as a person would type them in the current directory ---- */

/* Shows paths relative to the directory `subpath` of the workspace from now on; "" is its root, the
 * default. */
void fi_term_path_show_from(const char *subpath);

bool fi_term_path_is_from_root(void);

/* Hands `path`, a path below the root, to put(): escaped, and relative to the directory that was
 * set. That directory itself is ".", its parent "..". An absolute path stays as it is. */
void fi_term_path_escape(firn_slice path, void (*put)(const void *data, size_t size));

/* fi_term_path_escape to standard output. */
void fi_term_path_print(firn_slice path);

/* ---- asking for a passphrase ---- */

/* Memory for secrets: locked, in no core file, and zeroed when it is freed. NULL: memory ran out.
 * Requires of free: the same size; NULL is fine. */
void *fi_term_secret_allocate(size_t size);
void fi_term_secret_free(void *memory, size_t size);

/* Shows the text, escaped, and ": " on the terminal of this process, and reads a line that is not
 * shown. twice: a new passphrase, which is typed again, up to three times until both are equal, and
 * is not empty. out has memory for secrets, with room for so many bytes; nothing of what was typed
 * is anywhere else afterwards. One thread at a time, while nothing else has the terminal.
 * FIRN_NOT_FOUND: standard input is no terminal, or this process has none, or is in its background.
 * FIRN_CANCELLED: a signal asked to stop (fi_term_signals_caught), or the terminal ended.
 * FIRN_INVALID: a new one was not typed twice, or it has no room. FIRN_NO_MEMORY. */
int fi_term_secret_ask(const char *text, bool twice, uint8_t *out, size_t room, size_t *out_size,
                       firn_error *err);
/* Reads a line of standard input, without its end, where that is no terminal. FIRN_NOT_FOUND: there
 * is none. FIRN_INVALID: it has no room. FIRN_CANCELLED, FIRN_IO. */
int fi_term_secret_read(uint8_t *out, size_t room, size_t *out_size, firn_error *err);

/* ---- the state in which the program starts, and being asked to stop ---- */

/* Opens what is closed of descriptors 0 to 2, and installs the handlers. First thing in main. */
void fi_term_signals_setup(void);

/* The number of the signal that asked the program to stop, or 0. */
int fi_term_signals_caught(void);

/* Calls end before a signal ends the program at once: a second one, or one that asks for a core. In
 * a signal handler; NULL: nothing is called. */
void fi_term_signals_before_end(void (*end)(void));

/* Returns when a signal has asked the program to stop since the last call, or after so long. For
 * one thread. */
void fi_term_signals_wait(long timeout_ns);
/* Ends that wait, or the next one. */
void fi_term_signals_wake(void);

/* Dies of SIGPIPE, quietly, if SIGPIPE was not ignored at the start: else returns. */
void fi_term_signals_die_of_pipe(void);

/* ---- one changing line that shows how far long work has come; the answer to an interrupt ---- */

/* Begins to count the time of an operation. Without `wanted`, or where standard error is no
 * terminal, no line is ever drawn. From now on an interrupt is answered (see term_meter.c). */
void fi_term_meter_start(bool wanted);
/* Whether a line may be drawn at all. */
bool fi_term_meter_is_wanted(void);
/* Seconds since fi_term_meter_start. */
double fi_term_meter_elapsed(void);

struct fi_term_meter_state {
    const char *phase; /* a constant: where it stays the same, the time in it is counted on */
    const char *text;  /* what has been done in it; may be empty */
    /* an interrupt does not stop it any more: what is said then; else NULL */
    const char *finishing;
    double share;   /* of the phase, from 0 to 1; 0: not known */
    uint64_t bytes; /* that the phase has dealt with; 0: not known */
};
/* Sets the text of the line, which is drawn now or later, and again until it is cleared, with the
 * time that the phase has taken. Any thread. */
void fi_term_meter_show(const struct fi_term_meter_state *state);
/* Removes the line, if one is there, until something is shown again. Before anything else goes to
 * the terminal. */
void fi_term_meter_clear(void);
/* The same where the work pauses: the line comes back a second after more of it has begun. */
void fi_term_meter_pause(void);

/* Removes the line, and draws none until the next operation: something else has the terminal. */
void fi_term_meter_silence(void);

/* What to tell a user who interrupts work that is finishing: the state that a second interrupt
 * leaves, and what to do then. A constant text. NULL: nothing special. */
void fi_term_meter_set_interrupted(const char *hint);

/* The operation is over, and an interrupt is not answered any more. */
void fi_term_meter_stop(void);

#endif
