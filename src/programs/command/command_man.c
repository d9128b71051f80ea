/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_man.c: manual pages, in scdoc's language, from the command table.
 *
 * One page for the program and one for each command; a group has one page with a section for each
 * of its commands. All words come from the table, so a page cannot differ from --help. This file
 * only adds scdoc's markup: characters that scdoc would take for markup are escaped, and an
 * indented paragraph of the table becomes a literal block.
 */
#include "command/command_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

static void
print_escaped(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr("\\*_#[]|`~;", text[i]) != NULL || (i == 0 && strchr("-.+<", text[i]) != NULL)) {
            fi_term_out_write("\\", 1);
        }
        fi_term_out_write(text + i, 1);
    }
}

static void
print_marked(const char *mark, const char *text)
{
    fi_term_out_text(mark);
    print_escaped(text, strlen(text));
    fi_term_out_text(mark);
}

/* Whether roff would take the line for a macro. scdoc has no escape for that, so such a line of a
 * paragraph is joined with the one before. */
static bool
is_macro(const char *line)
{
    return line[0] == '.' || line[0] == '\'';
}

/* Text of several lines; indented paragraphs stay as they are. */
static void
print_paragraphs(const char *text)
{
    bool is_literal = false;
    size_t margin = 0; /* of the literal block, by its first line */
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        bool indented = text[0] == ' ';
        if (indented != is_literal && size > 0) {
            fi_term_out_text("```\n");
            is_literal = indented;
            margin = strspn(text, " ");
        }
        if (is_literal && size > 0) {
            size_t indent = strspn(text, " ");
            indent = indent < margin ? indent : margin;
            fi_term_out_write(text + indent, size - indent);
        } else {
            print_escaped(text, size);
        }
        const char *next = text + size + (text[size] == '\n');
        fi_term_out_text(!is_literal && is_macro(next) ? " " : "\n");
        text = next;
    }
    if (is_literal) {
        fi_term_out_text("```\n");
    }
}

static void
print_option(void *ctx, const struct fi_command_option *option, bool is_global)
{
    (void)ctx;
    (void)is_global;
    if (option->letter != 0) {
        fi_term_out_format("*-%c*, ", option->letter);
    }
    fi_term_out_format("*--%s*", option->name);
    if (option->value != NULL) {
        fi_term_out_text(" ");
        print_marked("_", option->value);
    }
    fi_term_out_text("\n\t");
    print_escaped(option->text, strlen(option->text));
    fi_term_out_text(".\n\n");
}

static void
print_usage(const struct fi_command *group, const struct fi_command *command)
{
    char usage[256];
    fi_command_usage(group, command, usage, sizeof(usage));
    /* The literal words are the first two or three. */
    size_t typed = strlen("firn ") + (group != NULL ? strlen(group->name) + 1 : 0);
    typed += strlen(command->name);
    fi_term_out_text("*");
    print_escaped(usage, typed);
    fi_term_out_text("*");
    print_escaped(usage + typed, strlen(usage + typed));
    fi_term_out_text("\n\n");
}

static void
print_examples(const struct fi_command_example *examples)
{
    for (; examples != NULL && examples->line != NULL; examples++) {
        print_marked("*", examples->line);
        fi_term_out_text("\n\t");
        print_escaped(examples->text, strlen(examples->text));
        fi_term_out_text(".\n\n");
    }
}

static void
print_notes(const char *title, const struct fi_command_note *notes)
{
    fi_term_out_format("# %s\n\n", title);
    for (; notes->name != NULL; notes++) {
        print_marked("*", notes->name);
        fi_term_out_text("\n\t");
        print_escaped(notes->text, strlen(notes->text));
        fi_term_out_text(".\n\n");
    }
}

static void
print_start(const char *page, const char *summary)
{
    assert(page != NULL && summary != NULL);
    fi_term_out_format("%s(1) \"firn %s\" \"firn\"\n\n# NAME\n\n%s - %s\n\n# SYNOPSIS\n\n", page,
                       FIRN_VERSION, page, summary);
}

static void
print_end(const struct fi_command_program *program, bool is_overview)
{
    print_notes("EXIT CODES", program->exit_codes);
    print_notes("ENVIRONMENT", program->environment);
    if (!is_overview) {
        fi_term_out_text("# SEE ALSO\n\n*firn*(1)\n");
        return;
    }
    fi_term_out_text("# SEE ALSO\n\n");
    for (const struct fi_command *const *at = program->commands; *at != NULL; at++) {
        fi_term_out_format("%s*firn-%s*(1)", at == program->commands ? "" : ", ", (*at)->name);
    }
    fi_term_out_text("\n");
}

static void
print_overview(const struct fi_command_program *program)
{
    print_start("firn", "save, compare and restore directory trees; a key-value store");
    fi_term_out_text("*firn* _COMMAND_ \\[options\\] \\[arguments\\]\n\n# DESCRIPTION\n\n");
    print_paragraphs(program->about);
    fi_term_out_text("\n# COMMANDS\n\n");
    const struct fi_command_section *section = program->sections;
    for (const struct fi_command *const *at = program->commands; *at != NULL; at++) {
        if (*at == section->first) {
            fi_term_out_format("## %s commands\n\n", section->title);
            section++;
        }
        fi_term_out_format("*firn-%s*(1)\n\t", (*at)->name);
        print_escaped((*at)->summary, strlen((*at)->summary));
        fi_term_out_text(".\n\n");
    }
    fi_term_out_text("# OPTIONS\n\n");
    for (const struct fi_command_global *at = program->globals; at->option.name != NULL; at++) {
        print_option(NULL, &at->option, true);
    }
    print_end(program, true);
}

static void
print_command(const struct fi_command_program *program, const struct fi_command *command)
{
    assert(command->run != NULL);
    char page[64];
    (void)snprintf(page, sizeof(page), "firn-%s", command->name);
    print_start(page, command->summary);
    print_usage(NULL, command);
    if (command->help != NULL) {
        fi_term_out_text("# DESCRIPTION\n\n");
        print_paragraphs(command->help);
        fi_term_out_text("\n");
    }
    fi_term_out_text("# OPTIONS\n\n");
    fi_command_help_options(program, command, print_option, NULL);
    if (command->examples != NULL) {
        fi_term_out_text("# EXAMPLES\n\n");
        print_examples(command->examples);
    }
    print_end(program, false);
}

static void
print_group(const struct fi_command_program *program, const struct fi_command *group)
{
    assert(group->members != NULL);
    char page[64];
    (void)snprintf(page, sizeof(page), "firn-%s", group->name);
    print_start(page, group->summary);
    for (const struct fi_command *const *at = group->members; *at != NULL; at++) {
        print_usage(group, *at);
    }
    fi_term_out_text("# DESCRIPTION\n\n");
    print_paragraphs(group->help);
    fi_term_out_text("\n# COMMANDS\n\n");
    for (const struct fi_command *const *at = group->members; *at != NULL; at++) {
        fi_term_out_format("## %s\n\n", (*at)->name);
        print_usage(group, *at);
        print_escaped((*at)->summary, strlen((*at)->summary));
        fi_term_out_text(".\n\n");
        if ((*at)->help != NULL) {
            print_paragraphs((*at)->help);
            fi_term_out_text("\n");
        }
        fi_command_help_options(program, *at, print_option, NULL);
        print_examples((*at)->examples);
    }
    print_end(program, false);
}

bool
fi_command_man_print(const struct fi_command_program *program, const char *page)
{
    assert(page != NULL);
    static const char prefix[] = "firn-";
    if (strcmp(page, "firn") == 0) {
        print_overview(program);
        return true;
    }
    const struct fi_command *command = NULL;
    if (strncmp(page, prefix, strlen(prefix)) == 0) {
        command = fi_command_find(program->commands, page + strlen(prefix));
    }
    if (command == NULL) {
        return false;
    }
    if (command->members != NULL) {
        print_group(program, command);
    } else {
        print_command(program, command);
    }
    return true;
}
