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
 * A call of the MCP server names its result as the place (fi_term_json_into): members go there,
 * lines are dropped too. So one function shows a thing as text, in --json and over MCP. All calls
 * pass the open writer on, NULL where none is open, to which nothing is written.
 *
 * A failing command leaves valid JSON: fi_term_json_unwind closes all open values, and the error
 * becomes one more member of the outermost object.
 *
 * Invariants
 * (I1) Between fi_term_json_begin and fi_term_json_finish nothing but the object goes to
 *      standard output; at other times nothing of it does. (Not checked: fi_term_out_write drops
 *      lines meanwhile.)
 */
#include "term/term.h"

#include <stdatomic.h>

static struct fi_term_writer writer = {.put = fi_term_out_put, .escapes_controls = true};
static struct fi_term_writer *_Atomic other; /* atomic: the MCP server's other thread asks, too */

void
fi_term_json_begin(void)
{
    if (writer.depth == 0) {
        fi_term_writer_object(&writer, NULL);
    }
    fi_term_out_drop_lines(true);
}

void
fi_term_json_into(struct fi_term_writer *result)
{
    atomic_store(&other, result);
    fi_term_out_drop_lines(fi_term_json_is_open());
}

struct fi_term_writer *
fi_term_json_writer(void)
{
    struct fi_term_writer *result = atomic_load(&other);
    return result == NULL && writer.depth > 0 ? &writer : result;
}

bool
fi_term_json_is_open(void)
{
    return fi_term_json_writer() != NULL;
}

void
fi_term_json_unwind(void)
{
    while (writer.depth > 1) {
        fi_term_writer_end(&writer);
    }
}

void
fi_term_json_finish(void)
{
    if (writer.depth > 0) {
        fi_term_json_unwind();
        fi_term_writer_end(&writer);
        fi_term_out_put("\n", 1);
        fi_term_writer_clear(&writer);
        fi_term_out_drop_lines(fi_term_json_is_open());
    }
}

void
fi_term_json_end(void)
{
    fi_term_writer_end(fi_term_json_writer());
}

void
fi_term_json_object(const char *key)
{
    fi_term_writer_object(fi_term_json_writer(), key);
}

void
fi_term_json_array(const char *key)
{
    fi_term_writer_array(fi_term_json_writer(), key);
}

void
fi_term_json_null(const char *key)
{
    fi_term_writer_null(fi_term_json_writer(), key);
}

void
fi_term_json_u64(const char *key, uint64_t value)
{
    fi_term_writer_u64(fi_term_json_writer(), key, value);
}

void
fi_term_json_bool(const char *key, bool value)
{
    fi_term_writer_bool(fi_term_json_writer(), key, value);
}

void
fi_term_json_string(const char *key, const char *value)
{
    fi_term_writer_string(fi_term_json_writer(), key, value);
}

void
fi_term_json_text(const char *key, firn_slice value)
{
    fi_term_writer_text(fi_term_json_writer(), key, value);
}

void
fi_term_json_bytes(const char *key, firn_slice value)
{
    fi_term_writer_bytes(fi_term_json_writer(), key, value);
}

void
fi_term_json_hash(const char *key, const firn_hash *value)
{
    fi_term_writer_hash(fi_term_json_writer(), key, value);
}

void
fi_term_json_time(const char *key, int64_t since_epoch_ns)
{
    fi_term_writer_time(fi_term_json_writer(), key, since_epoch_ns);
}

void
fi_term_json_u64_if(const char *key, uint64_t value, bool has)
{
    fi_term_writer_u64_if(fi_term_json_writer(), key, value, has);
}

void
fi_term_json_string_if(const char *key, const char *value, bool has)
{
    fi_term_writer_string_if(fi_term_json_writer(), key, value, has);
}

void
fi_term_json_time_if(const char *key, int64_t since_epoch_ns, bool has)
{
    fi_term_writer_time_if(fi_term_json_writer(), key, since_epoch_ns, has);
}
