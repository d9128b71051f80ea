/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_checkpoint.c: how a checkpoint and an entry of one are named, and what they are in
 * JSON.
 */
#include "show/show.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

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
firn_show_checkpoint_print_names(const char *name, const char *id)
{
    firn_term_colour(FIRN_TERM_YELLOW);
    firn_term_out_format("%4s  %.*s", name, FIRN_CHECKPOINT_ID_SHORT, id);
    firn_term_colour(FIRN_TERM_PLAIN);
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
firn_show_checkpoint_put_title(const firn_workspace_checkpoint *checkpoint, size_t columns,
                               void (*put)(const void *data, size_t size))
{
    const firn_workspace_turn *turn = &checkpoint->turn;
    size_t width = firn_term_width_of(turn->agent) + 2;
    if (turn->agent.size == 0 || turn->prompt.size == 0 || width >= columns ||
        says_more(checkpoint)) {
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

bool
firn_show_checkpoint_git_is_known(const firn_workspace_git *git)
{
    return git->branch[0] != '\0' || git->commit[0] != '\0';
}

bool
firn_show_checkpoint_git_has_moved(const firn_workspace_git *from, const firn_workspace_git *to)
{
    return firn_show_checkpoint_git_is_known(from) && firn_show_checkpoint_git_is_known(to) &&
           (strcmp(from->branch, to->branch) != 0 || strcmp(from->commit, to->commit) != 0);
}

void
firn_show_checkpoint_git(const firn_workspace_git *git)
{
    enum { COMMIT_SHORT = 7 }; /* as git abbreviates it */
    bool has_both = git->branch[0] != '\0' && git->commit[0] != '\0';
    assert(firn_show_checkpoint_git_is_known(git));
    firn_term_text_escape(firn_str(git->branch), firn_term_out_write);
    firn_term_out_format("%s%.*s", has_both ? " " : "", COMMIT_SHORT, git->commit);
}

void
firn_show_checkpoint_json_git(const char *key, const firn_workspace_git *git)
{
    if (!firn_show_checkpoint_git_is_known(git)) {
        return;
    }
    firn_term_json_object(key);
    if (git->branch[0] != '\0') {
        firn_term_json_bytes("branch", firn_str(git->branch));
    } else {
        firn_term_json_null("branch");
    }
    firn_term_json_string_if("commit", git->commit, git->commit[0] != '\0');
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
    firn_show_checkpoint_json_git("git", &checkpoint->git);
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
