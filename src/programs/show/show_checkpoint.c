/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_checkpoint.c: how a checkpoint and an entry of one are named, and what they are in
 * JSON.
 */
#include "show/show.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "catalog/catalog_fields.h"
#include "term/term.h"

static const struct fi_catalog_field fields[] = {FI_CATALOG_FIELDS(FI_CATALOG_FIELD_ROW)};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

const char *
fi_show_checkpoint_name(const firn_workspace_checkpoint *checkpoint, char *out)
{
    if (checkpoint->is_safety || checkpoint->number == 0) {
        (void)snprintf(out, FI_SHOW_CHECKPOINT_NAME_SIZE, "%.*s", FIRN_CHECKPOINT_ID_SHORT,
                       checkpoint->id);
    } else {
        (void)snprintf(out, FI_SHOW_CHECKPOINT_NAME_SIZE, "%llu",
                       (unsigned long long)checkpoint->number);
    }
    return out;
}

const char *
fi_show_checkpoint_names(const firn_workspace_checkpoint *checkpoint, char *out)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    bool has_number = !checkpoint->is_safety && checkpoint->number != 0;
    (void)snprintf(out, FI_SHOW_CHECKPOINT_NAMES_SIZE, "%s%s%.*s",
                   has_number ? fi_show_checkpoint_name(checkpoint, name) : "",
                   has_number ? "  " : "", FIRN_CHECKPOINT_ID_SHORT, checkpoint->id);
    return out;
}

void
fi_show_checkpoint_print_names(const char *name, const char *id)
{
    fi_term_colour(FI_TERM_YELLOW);
    fi_term_out_format("%4s  %.*s", name, FIRN_CHECKPOINT_ID_SHORT, id);
    fi_term_colour(FI_TERM_PLAIN);
}

/* Whether the message itself begins with the agent, and says more: "Claude Code, Bash: rename
 * it". */
static bool
says_more(const firn_workspace_checkpoint *checkpoint)
{
    const firn_slice agent = checkpoint->turn.agent;
    const firn_slice message = checkpoint->message;
    return message.size > agent.size && memcmp(message.data, agent.data, agent.size) == 0 &&
           message.data[agent.size] == ',';
}

void
fi_show_checkpoint_put_title(const firn_workspace_checkpoint *checkpoint, size_t columns,
                             void (*put)(const void *data, size_t size))
{
    const firn_workspace_turn *turn = &checkpoint->turn;
    size_t width = fi_term_width_of(turn->agent) + 2;
    if (turn->agent.size == 0 || turn->prompt.size == 0 || width >= columns ||
        says_more(checkpoint)) {
        fi_term_width_cut(checkpoint->message.size > 0 ? checkpoint->message : turn->agent, columns,
                          put);
        return;
    }
    fi_term_text_escape(turn->agent, put);
    put(": ", 2);
    fi_term_width_cut(turn->prompt, columns - width, put);
}

bool
fi_show_checkpoint_git_is_known(const firn_workspace_git *git)
{
    return git->branch[0] != '\0' || git->commit[0] != '\0';
}

bool
fi_show_checkpoint_git_has_moved(const firn_workspace_git *from, const firn_workspace_git *to)
{
    return fi_show_checkpoint_git_is_known(from) && fi_show_checkpoint_git_is_known(to) &&
           (strcmp(from->branch, to->branch) != 0 || strcmp(from->commit, to->commit) != 0);
}

void
fi_show_checkpoint_git(const firn_workspace_git *git)
{
    enum { COMMIT_SHORT = 7 }; /* as git abbreviates it */
    bool has_both = git->branch[0] != '\0' && git->commit[0] != '\0';
    assert(fi_show_checkpoint_git_is_known(git));
    fi_term_text_escape(firn_str(git->branch), fi_term_out_write);
    fi_term_out_format("%s%.*s", has_both ? " " : "", COMMIT_SHORT, git->commit);
}

void
fi_show_checkpoint_json_entry(const firn_workspace_entry *entry)
{
    char mode[8];
    (void)snprintf(mode, sizeof(mode), "%04o", (unsigned)(entry->mode & 07777));
    fi_term_json_bytes("path", entry->path);
    fi_term_json_string("type", firn_workspace_entry_type_name(entry->type));
    fi_term_json_string("mode", mode);
}

static void
json_field(const firn_workspace_checkpoint *checkpoint, const struct fi_catalog_field *field)
{
    const void *at = fi_catalog_field_at(checkpoint, field);
    if (fi_catalog_field_is_null(checkpoint, field)) {
        fi_term_json_null(field->key);
        return;
    }
    switch (field->kind) {
    case FI_CATALOG_FIELD_NUMBER:
    case FI_CATALOG_FIELD_COUNT:
        fi_term_json_u64(field->key, *(const uint64_t *)at);
        break;
    case FI_CATALOG_FIELD_BOOL:
        fi_term_json_bool(field->key, *(const bool *)at);
        break;
    case FI_CATALOG_FIELD_TIME:
        fi_term_json_time(field->key, *(const int64_t *)at);
        break;
    case FI_CATALOG_FIELD_TEXT:
        fi_term_json_bytes(field->key, *(const firn_slice *)at);
        break;
    case FI_CATALOG_FIELD_ID:
    case FI_CATALOG_FIELD_NAME:
        fi_term_json_bytes(field->key, firn_str(at));
        break;
    case FI_CATALOG_FIELD_HASH:
        fi_term_json_hash(field->key, at);
        break;
    }
}

/* The member with an object of the checkpoint, if it has that one. */
static void
json_object(const char *key, const firn_workspace_checkpoint *checkpoint,
            enum fi_catalog_field_object object)
{
    if (!fi_catalog_field_has_object(checkpoint, object)) {
        return;
    }
    fi_term_json_object(key);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].object == object) {
            json_field(checkpoint, &fields[i]);
        }
    }
    fi_term_json_end();
}

void
fi_show_checkpoint_json_turn(const firn_workspace_turn *turn)
{
    const firn_workspace_checkpoint of = {.turn = *turn};
    json_object("turn", &of, FI_CATALOG_FIELD_OF_TURN);
}

void
fi_show_checkpoint_json_git(const char *key, const firn_workspace_git *git)
{
    const firn_workspace_checkpoint of = {.git = *git};
    json_object(key, &of, FI_CATALOG_FIELD_OF_GIT);
}

void
fi_show_checkpoint_json_fields(const firn_workspace_checkpoint *checkpoint)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].object == FI_CATALOG_FIELD_OF_NONE) {
            json_field(checkpoint, &fields[i]);
        } else if (fields[i].object != fields[i - 1].object) {
            json_object(fields[i].object == FI_CATALOG_FIELD_OF_TURN ? "turn" : "git", checkpoint,
                        fields[i].object);
        }
    }
}

void
fi_show_checkpoint_json(const char *key, const firn_workspace_checkpoint *checkpoint)
{
    fi_term_json_object(key);
    fi_show_checkpoint_json_fields(checkpoint);
    fi_term_json_end();
}

void
fi_show_checkpoint_safety_json(const char *id)
{
    fi_term_json_string_if("safety", id, id[0] != '\0');
}

void
fi_show_checkpoint_entry_json(const char *key, const firn_workspace_entry *entry)
{
    fi_term_json_object(key);
    fi_show_checkpoint_json_entry(entry);
    fi_term_json_u64("uid", entry->uid);
    fi_term_json_u64("gid", entry->gid);
    fi_term_json_time("mtime", entry->mtime_ns);
    if (entry->type == FIRN_ENTRY_SYMLINK) {
        fi_term_json_bytes("target", entry->link_target);
    } else {
        fi_term_json_u64("size", entry->size_bytes);
        fi_term_json_hash("hash", &entry->hash);
    }
    if (entry->hard_link.size > 0) {
        fi_term_json_bytes("hard_link", entry->hard_link);
    }
    fi_term_json_end();
}
