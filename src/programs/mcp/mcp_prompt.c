/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_prompt.c: the prompts that the server offers.
 *
 * A prompt is a text that a person chooses, usually as a slash command, and that the client sends
 * to the model as the person's own words. It does nothing by itself: the texts below name a tool of
 * this server and its arguments. So getting a prompt needs no workspace and no lock, and is
 * answered at once.
 *
 * An argument is what a person typed. It goes into the text as a string of JSON, which is how the
 * model passes it to the tool; the text around it says so. Nothing in it can end the string.
 *
 * A slash command begins a turn of its own. An undo of the last turn steps over a turn that has
 * changed nothing so far, which is why the text asks for the call before anything else.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TELL_STEPS                                                                                \
    " Then tell me in one or two sentences what the steps of the result say was taken back, how " \
    "many files changed, and that checkpoint_redo brings it back. Change nothing else, and do "   \
    "not go on with the task until I ask for it."

struct fi_mcp_prompt {
    const char *name;
    const char *title;
    const char *text; /* for the person who chooses */
    const struct fi_mcp_arguments_param *params;
    /* What the model gets. With an argument, which is the only one: `before`, the argument,
     * `after`. */
    const char *without;
    const char *before;
    const char *after;
};

static const struct fi_mcp_arguments_param no_params[] = {FI_MCP_TOOL_END_PARAM};

static const struct fi_mcp_arguments_param checkpoint_params[] = {
    {"message", FI_MCP_ARGUMENTS_TEXT, false, "What the checkpoint is called in lists"},
    FI_MCP_TOOL_END_PARAM,
};

static const struct fi_mcp_arguments_param changes_params[] = {
    {"since", FI_MCP_ARGUMENTS_STRING, false,
     "Since which checkpoint: " FI_MCP_TOOL_REFERENCE ". Without it the latest one"},
    FI_MCP_TOOL_END_PARAM,
};

static const struct fi_mcp_arguments_param bring_back_params[] = {
    {"path", FI_MCP_ARGUMENTS_STRING, true, "The file or directory to bring back"},
    FI_MCP_TOOL_END_PARAM,
};

static const struct fi_mcp_prompt prompts[] = {
    {
        .name = "undo",
        .title = "Undo the last change",
        .text = "Take back the last change of the directory: what was not saved, else the last "
                "save, restore or revert",
        .params = no_params,
        .without = "Call the tool checkpoint_undo of the server firn, before you change or run "
                   "anything." TELL_STEPS,
    },
    {
        .name = "undo_turn",
        .title = "Undo the last turn",
        .text = "Go back to before the agent's last turn, over whatever came after it",
        .params = no_params,
        .without = "Call the tool checkpoint_undo of the server firn with \"last_turn\": true, "
                   "before you change or run anything: a change that you make first would be a "
                   "turn of its own." TELL_STEPS,
    },
    {
        .name = "redo",
        .title = "Redo what was undone",
        .text = "Bring back what the last undo took away",
        .params = no_params,
        .without = "Call the tool checkpoint_redo of the server firn, before you change or run "
                   "anything. Then tell me in one or two sentences what the steps of the result "
                   "say came back. Change nothing else.",
    },
    {
        .name = "checkpoint",
        .title = "Save a checkpoint",
        .text = "Save the directory as it is now",
        .params = checkpoint_params,
        .without = "Call the tool checkpoint_save of the server firn, with a \"message\" of at "
                   "most ten words that says what state this is. Tell me the number of the "
                   "checkpoint, and change nothing else.",
        .before = "Call the tool checkpoint_save of the server firn with exactly this string of "
                  "JSON as \"message\": ",
        .after = " . Tell me the number of the checkpoint, and change nothing else.",
    },
    {
        .name = "changes",
        .title = "What has changed",
        .text = "Tell what has changed since a checkpoint",
        .params = changes_params,
        .without = "Call the tool checkpoint_diff of the server firn with \"patch\": true. Tell "
                   "me briefly what has changed since the latest checkpoint, file by file, and "
                   "what is surprising in it. Change nothing.",
        .before = "Call the tool checkpoint_diff of the server firn with \"patch\": true and "
                  "exactly this string of JSON as \"snapshot_id\": ",
        .after = " . Tell me briefly what has changed since that checkpoint, file by file, and "
                 "what is surprising in it. Change nothing.",
    },
    {
        .name = "bring_back",
        .title = "Bring back a file",
        .text = "Find the checkpoints that changed a file, and restore one of its states",
        .params = bring_back_params,
        .before = "Call the tool checkpoint_log of the server firn with an array of exactly this "
                  "string of JSON as \"paths\": ",
        .after = " . List the checkpoints that changed it, newest first, with their times and "
                 "what changed, and ask me which state I want. When I have chosen, call "
                 "checkpoint_restore with that checkpoint and the same \"paths\". Change nothing "
                 "else.",
    },
};

/* ---- listing ---- */

static void
write_prompt(struct fi_term_writer *json, const struct fi_mcp_prompt *prompt)
{
    fi_term_writer_object(json, NULL);
    fi_term_writer_string(json, "name", prompt->name);
    fi_term_writer_string(json, "title", prompt->title);
    fi_term_writer_string(json, "description", prompt->text);
    fi_term_writer_array(json, "arguments");
    for (const struct fi_mcp_arguments_param *param = prompt->params; param->name != NULL;
         param++) {
        fi_term_writer_object(json, NULL);
        fi_term_writer_string(json, "name", param->name);
        fi_term_writer_string(json, "description", param->text);
        fi_term_writer_bool(json, "required", param->is_required);
        fi_term_writer_end(json);
    }
    fi_term_writer_end(json);
    fi_term_writer_end(json);
}

void
fi_mcp_prompt_list(struct fi_term_writer *json, const char *key)
{
    fi_term_writer_array(json, key);
    for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
        write_prompt(json, &prompts[i]);
    }
    fi_term_writer_end(json);
}

/* ---- getting ---- */

static const struct fi_mcp_prompt *
mcp_prompt_find(const char *name)
{
    for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
        if (strcmp(prompts[i].name, name) == 0) {
            return &prompts[i];
        }
    }
    return NULL;
}

const struct fi_mcp_prompt *
fi_mcp_prompt_find(const json_t *params, char *why, size_t why_size)
{
    assert(why_size > 0);
    const json_t *given = json_object_get(params, "name");
    const char *name = json_string_value(given);
    const json_t *arguments = json_object_get(params, "arguments");
    const struct fi_mcp_prompt *prompt = NULL;
    if (name != NULL && strlen(name) == json_string_length(given)) {
        prompt = mcp_prompt_find(name);
    }
    if (name == NULL) {
        (void)snprintf(why, why_size, "\"name\" is missing or not a string");
    } else if (prompt == NULL) {
        (void)snprintf(why, why_size, "unknown prompt '%.100s'", name);
    } else if (arguments != NULL && !json_is_object(arguments)) {
        (void)snprintf(why, why_size, "\"arguments\" is not an object");
        prompt = NULL;
    } else if (!fi_mcp_arguments_check(prompt->params, arguments, why, why_size)) {
        prompt = NULL;
    }
    return prompt;
}

/* The text for the model, not yet as JSON. */
static void
write_text(struct fi_term_writer *text, const struct fi_mcp_prompt *prompt, const json_t *arguments)
{
    const char *name = prompt->params[0].name;
    const json_t *value = name != NULL ? json_object_get(arguments, name) : NULL;
    size_t size = json_string_length(value);
    if (!json_is_string(value) || (size == 0 && prompt->without != NULL)) {
        assert(prompt->without != NULL); /* a required one was checked */
        fi_term_writer_put(text, prompt->without, strlen(prompt->without));
        return;
    }
    fi_term_writer_put(text, prompt->before, strlen(prompt->before));
    fi_term_writer_text(text, NULL, firn_bytes(json_string_value(value), size));
    fi_term_writer_put(text, prompt->after, strlen(prompt->after));
}

void
fi_mcp_prompt_write(struct fi_term_writer *json, const struct fi_mcp_prompt *prompt,
                    const json_t *params)
{
    assert(prompt != NULL);
    struct fi_term_writer text = {0};
    write_text(&text, prompt, json_object_get(params, "arguments"));
    fi_term_writer_string(json, "description", prompt->text);
    fi_term_writer_array(json, "messages");
    fi_term_writer_object(json, NULL);
    fi_term_writer_string(json, "role", "user");
    fi_term_writer_object(json, "content");
    fi_term_writer_string(json, "type", "text");
    fi_term_writer_text(json, "text", fi_term_writer_slice(&text));
    fi_term_writer_end(json);
    fi_term_writer_end(json);
    fi_term_writer_end(json);
    json->has_failed = json->has_failed || text.has_failed;
    fi_term_writer_deinit(&text);
}
