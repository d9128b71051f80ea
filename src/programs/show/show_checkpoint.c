/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_checkpoint.c: how a checkpoint and an entry of one are named, and what they are in JSON.
 */
#include "show/show.h"

#include <assert.h>
#include <stdio.h>

#include "term/term.h"

const char *
firn_show_checkpoint_name(const firn_workspace_checkpoint *checkpoint, char *out)
{
    if (checkpoint->is_safety || checkpoint->number == 0) {
        (void)snprintf(out, FIRN_SHOW_CHECKPOINT_NAME_SIZE, "%.*s", FIRN_CHECKPOINT_ID_SHORT,
                       checkpoint->id);
    } else {
        (void)snprintf(out, FIRN_SHOW_CHECKPOINT_NAME_SIZE, "%llu",
                       (unsigned long long)checkpoint->number);
    }
    return out;
}

const char *
firn_show_checkpoint_names(const firn_workspace_checkpoint *checkpoint, char *out)
{
    char name[FIRN_SHOW_CHECKPOINT_NAME_SIZE];
    bool has_number = !checkpoint->is_safety && checkpoint->number != 0;
    (void)snprintf(out, FIRN_SHOW_CHECKPOINT_NAMES_SIZE, "%s%s%.*s",
                   has_number ? firn_show_checkpoint_name(checkpoint, name) : "",
                   has_number ? "  " : "", FIRN_CHECKPOINT_ID_SHORT, checkpoint->id);
    return out;
}

void
firn_show_checkpoint_put_title(const firn_workspace_checkpoint *checkpoint, size_t columns,
                               void (*put)(const void *data, size_t size))
{
    const firn_workspace_turn *turn = &checkpoint->turn;
    size_t width = firn_term_width_of(turn->agent) + 2;
    if (turn->agent.size == 0 || turn->prompt.size == 0 || width >= columns) {
        firn_term_text_cut(checkpoint->message.size > 0 ? checkpoint->message : turn->agent,
                           columns, put);
        return;
    }
    firn_term_text_escape(turn->agent, put);
    put(": ", 2);
    firn_term_text_cut(turn->prompt, columns - width, put);
}

void
firn_show_checkpoint_json_turn(const firn_workspace_turn *turn)
{
    if (turn->agent.size == 0) {
        return;
    }
    firn_term_json_object("turn");
    firn_term_json_bytes("agent", turn->agent);
    firn_term_json_bytes("session", turn->session);
    firn_term_json_u64_if("number", turn->number, turn->number != 0);
    firn_term_json_bytes("prompt", turn->prompt);
    firn_term_json_end();
}

void
firn_show_checkpoint_json_entry(const firn_workspace_entry *entry)
{
    char mode[8];
    (void)snprintf(mode, sizeof(mode), "%04o", (unsigned)(entry->mode & 07777));
    firn_term_json_bytes("path", entry->path);
    firn_term_json_string("type", firn_workspace_entry_type_name(entry->type));
    firn_term_json_string("mode", mode);
}

void
firn_show_checkpoint_json(const char *key, const firn_workspace_checkpoint *checkpoint)
{
    firn_term_json_object(key);
    firn_term_json_u64_if("number", checkpoint->number, !checkpoint->is_safety);
    firn_term_json_string("id", checkpoint->id);
    firn_term_json_bool("safety", checkpoint->is_safety);
    firn_term_json_time("created", checkpoint->created_ns);
    firn_term_json_bytes("message", checkpoint->message);
    firn_show_checkpoint_json_turn(&checkpoint->turn);
    firn_term_json_hash("root", &checkpoint->root);
    firn_term_json_u64("files", checkpoint->files);
    firn_term_json_u64("directories", checkpoint->directories);
    firn_term_json_u64("bytes", checkpoint->bytes);
    firn_term_json_u64("new_objects", checkpoint->new_objects);
    firn_term_json_u64("added_bytes", checkpoint->added_bytes);
    firn_term_json_u64("excluded", checkpoint->excluded);
    firn_term_json_u64("skipped", checkpoint->skipped);
    firn_term_json_u64("forgotten", checkpoint->forgotten);
    firn_term_json_bool("include_deps", checkpoint->include_deps);
    firn_term_json_end();
}

void
firn_show_checkpoint_safety_json(const char *id)
{
    firn_term_json_string_if("safety", id, id[0] != '\0');
}

void
firn_show_checkpoint_entry_json(const char *key, const firn_workspace_entry *entry)
{
    firn_term_json_object(key);
    firn_show_checkpoint_json_entry(entry);
    firn_term_json_u64("uid", entry->uid);
    firn_term_json_u64("gid", entry->gid);
    firn_term_json_time("mtime", entry->mtime_ns);
    if (entry->type == FIRN_ENTRY_SYMLINK) {
        firn_term_json_bytes("target", entry->link_target);
    } else {
        firn_term_json_u64("size", entry->size_bytes);
        firn_term_json_hash("hash", &entry->hash);
    }
    if (entry->hard_link.size > 0) {
        firn_term_json_bytes("hard_link", entry->hard_link);
    }
    firn_term_json_end();
}
