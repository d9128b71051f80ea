/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_json.c: one JSON object on standard output, always valid, also when a command fails
 * half way.
 *
 * A command emits each result once, as members and as lines. With --json the object is open while
 * the command runs: members are written, and lines are dropped (term_out.c). Without --json, lines
 * are written and members are dropped (I1). So a command need not ask which of the two is wanted,
 * unless their contents differ, or composing unused text would take long.
 *
 * A call of the MCP server names its result as the place (firn_term_json_into): members go there,
 * lines are dropped too. So one function shows a thing as text, in --json and over MCP. All calls
 * pass the open writer on, NULL where none is open, to which nothing is written.
 *
 * A failing command leaves valid JSON: firn_term_json_unwind closes all open values, and the error
 * becomes one more member of the outermost object.
 *
 * Invariants
 * (I1) Between firn_term_json_begin and firn_term_json_finish nothing but the object goes to
 *      standard output; at other times nothing of it does. (Not checked: firn_term_out_write drops
 *      lines meanwhile.)
 */
#include "term/term.h"

#include <stdatomic.h>

static struct firn_term_writer writer = {.put = firn_term_out_put, .escapes_controls = true};
static struct firn_term_writer *_Atomic other; /* atomic: the MCP server's other thread asks, too */

void
firn_term_json_begin(void)
{
    if (writer.depth == 0) {
        firn_term_writer_object(&writer, NULL);
    }
}

void
firn_term_json_into(struct firn_term_writer *result)
{
    atomic_store(&other, result);
}

struct firn_term_writer *
firn_term_json_writer(void)
{
    struct firn_term_writer *result = atomic_load(&other);
    return result == NULL && writer.depth > 0 ? &writer : result;
}

bool
firn_term_json_is_open(void)
{
    return firn_term_json_writer() != NULL;
}

void
firn_term_json_unwind(void)
{
    while (writer.depth > 1) {
        firn_term_writer_end(&writer);
    }
}

void
firn_term_json_finish(void)
{
    if (writer.depth > 0) {
        firn_term_json_unwind();
        firn_term_writer_end(&writer);
        firn_term_out_put("\n", 1);
        firn_term_writer_clear(&writer);
    }
}

void
firn_term_json_end(void)
{
    firn_term_writer_end(firn_term_json_writer());
}

void
firn_term_json_object(const char *key)
{
    firn_term_writer_object(firn_term_json_writer(), key);
}

void
firn_term_json_array(const char *key)
{
    firn_term_writer_array(firn_term_json_writer(), key);
}

void
firn_term_json_null(const char *key)
{
    firn_term_writer_null(firn_term_json_writer(), key);
}

void
firn_term_json_u64(const char *key, uint64_t value)
{
    firn_term_writer_u64(firn_term_json_writer(), key, value);
}

void
firn_term_json_bool(const char *key, bool value)
{
    firn_term_writer_bool(firn_term_json_writer(), key, value);
}

void
firn_term_json_string(const char *key, const char *value)
{
    firn_term_writer_string(firn_term_json_writer(), key, value);
}

void
firn_term_json_text(const char *key, firn_slice value)
{
    firn_term_writer_text(firn_term_json_writer(), key, value);
}

void
firn_term_json_bytes(const char *key, firn_slice value)
{
    firn_term_writer_bytes(firn_term_json_writer(), key, value);
}

void
firn_term_json_hash(const char *key, const firn_hash *value)
{
    firn_term_writer_hash(firn_term_json_writer(), key, value);
}

void
firn_term_json_time(const char *key, int64_t since_epoch_ns)
{
    firn_term_writer_time(firn_term_json_writer(), key, since_epoch_ns);
}

void
firn_term_json_u64_if(const char *key, uint64_t value, bool has)
{
    firn_term_writer_u64_if(firn_term_json_writer(), key, value, has);
}

void
firn_term_json_string_if(const char *key, const char *value, bool has)
{
    firn_term_writer_string_if(firn_term_json_writer(), key, value, has);
}

void
firn_term_json_time_if(const char *key, int64_t since_epoch_ns, bool has)
{
    firn_term_writer_time_if(firn_term_json_writer(), key, since_epoch_ns, has);
}
