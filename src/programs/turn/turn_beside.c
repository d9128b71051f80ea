/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_beside.c: how turns that were at work at the same time are shown, and files that
 * several of them changed.
 */
#include <stdio.h>
#include <string.h>

#include "term/term.h"
#include "turn/turn.h"

enum { NAMED_MAX = 3, JSON_MAX = 1000, TITLE_COLUMNS = 40, NAME_SIZE = 24, TEXT_SIZE = 200 };

static void
name_of(const struct fi_task_turn *turn, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "@%llu", (unsigned long long)turn->last->number);
}

/* Whether the turn and one of its overlaps changed a file. */
static bool
is_of_both(const struct fi_turn_own_file *file, size_t overlap)
{
    return (file->owners & 1u << (overlap + 1)) != 0;
}

/* ": both changed main.c, b.c and 2 more" */
static void
print_files(const struct fi_turn_own *own, size_t overlap)
{
    uint64_t count = 0;
    for (size_t i = 0; i < own->count; i++) {
        count += is_of_both(&own->files[i], overlap);
        if (is_of_both(&own->files[i], overlap) && count <= NAMED_MAX) {
            fi_term_out_text(count == 1 ? ": both changed " : ", ");
            fi_term_path_print(own->files[i].path);
        }
    }
    if (count > NAMED_MAX) {
        fi_term_out_format(" and %llu more", (unsigned long long)(count - NAMED_MAX));
    }
}

void
fi_turn_beside_print(const struct fi_turn_own *own, const char *label, int width)
{
    for (size_t i = 0; i < own->overlap_count; i++) {
        char name[NAME_SIZE];
        name_of(&own->overlaps[i], name);
        fi_term_out_format("%-*s%s (", width, label, name);
        fi_show_checkpoint_put_title(own->overlaps[i].last, TITLE_COLUMNS, fi_term_out_write);
        fi_term_out_text(")");
        print_files(own, i);
        fi_term_out_text("\n");
    }
    if (own->is_partial) {
        fi_term_out_format("%-*stoo many files to tell apart\n", width, label);
    }
}

void
fi_turn_beside_json(const struct fi_turn_own *own)
{
    fi_term_json_array("beside");
    for (size_t i = 0; i < own->overlap_count; i++) {
        char name[NAME_SIZE];
        uint64_t count = 0;
        name_of(&own->overlaps[i], name);
        fi_term_json_object(NULL);
        fi_term_json_string("turn", name);
        fi_term_json_array("files");
        for (size_t j = 0; j < own->count; j++) {
            if (is_of_both(&own->files[j], i) && count++ < JSON_MAX) {
                fi_term_json_object(NULL);
                fi_term_json_bytes("path", own->files[j].path);
                fi_term_json_end();
            }
        }
        fi_term_json_end();
        fi_term_json_u64("files_in_both", count);
        fi_term_json_end();
    }
    fi_term_json_end();
    fi_term_json_bool("told_apart", own->overlap_count == 0 || fi_turn_own_is_known(own));
}

void
fi_turn_beside_report(const struct fi_turn_own *own)
{
    char name[NAME_SIZE];
    if (own->overlap_count == 0) {
        return;
    }
    name_of(&own->overlaps[0], name);
    if (fi_turn_own_is_known(own)) {
        fi_command_report_line("%s%s was at work at the same time: only what the turn itself "
                               "changed is meant",
                               name, own->overlap_count > 1 ? " and others" : "");
    } else {
        fi_command_report_line("%s was at work at the same time, and cannot be told apart", name);
    }
}

/* "changed in @14, @15 as well, between the turn's own changes" */
static void
describe(const struct fi_turn_own *own, const struct fi_turn_own_file *file, char text[TEXT_SIZE])
{
    size_t size = (size_t)snprintf(text, TEXT_SIZE, "changed in");
    const char *between = " ";
    for (size_t i = 0; i < own->overlap_count && size < TEXT_SIZE / 2; i++) {
        char name[NAME_SIZE];
        if (is_of_both(file, i)) {
            name_of(&own->overlaps[i], name);
            size += (size_t)snprintf(text + size, TEXT_SIZE - size, "%s%s", between, name);
            between = ", ";
        }
    }
    (void)snprintf(text + size, TEXT_SIZE - size, " as well, between the turn's own changes");
}

static void
conflict_json(const struct fi_turn_own *own, const struct fi_turn_own_file *file)
{
    fi_term_json_object(NULL);
    fi_term_json_string("conflict", "turns");
    fi_term_json_bytes("path", file->path);
    fi_term_json_array("turns");
    for (size_t i = 0; i < own->overlap_count; i++) {
        char name[NAME_SIZE];
        if (is_of_both(file, i)) {
            name_of(&own->overlaps[i], name);
            fi_term_json_string(NULL, name);
        }
    }
    fi_term_json_end();
    fi_term_json_end();
}

uint64_t
fi_turn_beside_conflicts(const struct fi_cli *cli, const struct fi_turn_own *own)
{
    uint64_t count = 0;
    for (size_t i = 0; i < own->count; i++) {
        char text[TEXT_SIZE];
        if (!own->files[i].is_mixed) {
            continue;
        }
        if (count++ == 0) {
            fi_term_json_array("conflicts");
        }
        if (cli->json) {
            conflict_json(own, &own->files[i]);
        } else {
            describe(own, &own->files[i], text);
            fi_command_report_path("conflict", own->files[i].path, text);
        }
    }
    if (count > 0) {
        fi_term_json_end();
    }
    return count;
}
