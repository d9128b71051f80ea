/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_edit.c: input from a terminal: editing, history, completion.
 *
 * libedit does this if it is installed: it is loaded before the first line is read (libedit.so.2),
 * by the names that it has in common with readline. Without libedit, lines are read as the terminal
 * gives them.
 *
 * The history is a file of the user's: $XDG_STATE_HOME/firn/sql_history,
 * ~/.local/state/firn/sql_history without the variable; directory and file are private (0700,
 * 0600). It has the last HISTORY_MAX entries. Statements may have secrets in them: a line that
 * begins with a space is not added to the history.
 *
 * Completion offers keywords of SQLite, names of tables and columns, and after a dot at the
 * beginning of a line the commands of the shell. Names that are no plain words are not offered:
 * they would need quotes.
 */
#include "sqlshell/sqlshell_internal.h"

#include <assert.h>
#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "term/term.h"

enum { HISTORY_MAX = 1000, PATH_SIZE = 4096, STATEMENT_MAX = 4096 };

static const char library_name[] = "libedit.so.2";

static struct {
    char *(*readline)(const char *prompt);
    int (*add_history)(const char *line);
    int (*read_history)(const char *path);
    int (*write_history)(const char *path);
    int (*stifle_history)(int count);
    char **(*completion_matches)(const char *text, char *(*next)(const char *text, int state));
    bool is_there;
} edit;

static struct fi_sqlshell *editing;
static char history_path[PATH_SIZE];

/* ==== completion ==== */

static const char names_sql[] =
    "SELECT name FROM pragma_table_list WHERE name LIKE ?1 ESCAPE '\\' AND name NOT LIKE "
    "'sqlite_%' "
    "UNION SELECT c.name FROM pragma_table_list AS t, pragma_table_info(t.name) AS c "
    "WHERE c.name LIKE ?1 ESCAPE '\\' AND t.name NOT LIKE 'sqlite_%' ORDER BY 1";

static const char *const dot_words[] = {".exit", ".help",   ".import", ".mode", ".quit",
                                        ".read", ".schema", ".tables", ".timer"};

static bool
is_plain(const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_') {
            return false;
        }
    }
    return name[0] != '\0' && !isdigit((unsigned char)name[0]);
}

/* The next keyword of SQLite's that begins so, with the letters' case of what is typed; of
 * malloc. */
static char *
next_keyword(const char *text, int *at)
{
    assert(*at >= 0);
    size_t size = strlen(text);
    for (; size > 0 && *at < sqlite3_keyword_count(); (*at)++) {
        const char *word = NULL;
        int word_size = 0;
        if (sqlite3_keyword_name(*at, &word, &word_size) == SQLITE_OK && word_size >= (int)size &&
            sqlite3_strnicmp(word, text, (int)size) == 0) {
            char *out = strndup(word, (size_t)word_size);
            bool is_lower = islower((unsigned char)text[0]) != 0;
            for (char *c = out; c != NULL && is_lower && *c != '\0'; c++) {
                *c = (char)tolower((unsigned char)*c);
            }
            (*at)++;
            return out;
        }
    }
    return NULL;
}

/* Called with state 0 first, then again and again until NULL. */
static char *
next_name(const char *text, int state)
{
    static sqlite3_stmt *statement;
    static int keyword;
    if (state == 0) {
        keyword = 0;
        char *pattern = sqlite3_mprintf("%s%%", text);
        (void)sqlite3_finalize(statement);
        statement = NULL;
        if (pattern == NULL ||
            sqlite3_prepare_v2(editing->db, names_sql, -1, &statement, NULL) != SQLITE_OK ||
            sqlite3_bind_text(statement, 1, pattern, -1, SQLITE_TRANSIENT) != SQLITE_OK) {
            (void)sqlite3_finalize(statement);
            statement = NULL;
        }
        sqlite3_free(pattern);
    }
    while (statement != NULL && sqlite3_step(statement) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        if (name != NULL && is_plain(name)) {
            return strdup(name);
        }
    }
    (void)sqlite3_finalize(statement);
    statement = NULL;
    return next_keyword(text, &keyword);
}

static char *
next_dot_word(const char *text, int state)
{
    static size_t at;
    at = state == 0 ? 0 : at;
    while (at < sizeof dot_words / sizeof dot_words[0]) {
        const char *word = dot_words[at++];
        if (strncmp(word, text, strlen(text)) == 0) {
            return strdup(word);
        }
    }
    return NULL;
}

static char **
sqlshell_edit_complete(const char *text, int from, int to)
{
    assert(from >= 0 && from <= to);
    (void)to;
    return edit.completion_matches(text, from == 0 && text[0] == '.' ? next_dot_word : next_name);
}

/* ==== the history ==== */

/* Makes the directories of a path, private ones, up to its last slash. */
static bool
make_directories(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        struct stat status;
        bool is_there = stat(path, &status) == 0 || mkdir(path, 0700) == 0;
        *slash = '/';
        if (!is_there) {
            return false;
        }
    }
    return true;
}

static void
find_history(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int size = -1;
    if (state != NULL && state[0] == '/') {
        size = snprintf(history_path, sizeof history_path, "%s/firn/sql_history", state);
    } else if (home != NULL && home[0] == '/') {
        size =
            snprintf(history_path, sizeof history_path, "%s/.local/state/firn/sql_history", home);
    }
    if (size < 0 || (size_t)size >= sizeof history_path || !make_directories(history_path)) {
        history_path[0] = '\0';
    }
}

/* ==== lines ==== */

static bool
find_function(void *library, const char *name, void *out)
{
    void *found = dlsym(library, name);
    memcpy(out, &found, sizeof found);
    return found != NULL;
}

void
fi_sqlshell_edit_open(struct fi_sqlshell *shell)
{
    char **(**completes)(const char *, int, int) = NULL;
    editing = shell;
    find_history();
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    edit.is_there = library != NULL && find_function(library, "readline", &edit.readline) &&
                    find_function(library, "add_history", &edit.add_history) &&
                    find_function(library, "read_history", &edit.read_history) &&
                    find_function(library, "write_history", &edit.write_history) &&
                    find_function(library, "stifle_history", &edit.stifle_history) &&
                    find_function(library, "rl_completion_matches", &edit.completion_matches) &&
                    find_function(library, "rl_attempted_completion_function", &completes);
    if (edit.is_there) {
        *completes = sqlshell_edit_complete;
        (void)edit.stifle_history(HISTORY_MAX);
        if (history_path[0] != '\0') {
            (void)edit.read_history(history_path);
        }
    }
}

char *
fi_sqlshell_edit_line(const char *prompt)
{
    assert(prompt != NULL);
    if (edit.is_there) {
        fi_term_out_flush();
        return edit.readline(prompt);
    }
    char *line = NULL;
    size_t capacity = 0;
    fi_term_out_text(prompt);
    fi_term_out_flush();
    ssize_t size = getline(&line, &capacity, stdin);
    if (size < 0) {
        clearerr(stdin);
        free(line);
        return NULL;
    }
    if (size > 0 && line[size - 1] == '\n') {
        line[size - 1] = '\0';
    }
    return line;
}

/* A statement of several lines is one entry. */
void
fi_sqlshell_edit_remember(const char *text)
{
    assert(text != NULL);
    char entry[STATEMENT_MAX];
    size_t size = strlen(text);
    if (!edit.is_there || text[0] == ' ' || size == 0 || size >= sizeof entry) {
        return;
    }
    for (size_t i = 0; i <= size; i++) {
        entry[i] = text[i];
        if (text[i] == '\n') {
            entry[i] = ' ';
        }
    }
    while (size > 0 && entry[size - 1] == ' ') {
        entry[--size] = '\0';
    }
    (void)edit.add_history(entry);
}

void
fi_sqlshell_edit_close(void)
{
    if (edit.is_there && history_path[0] != '\0') {
        mode_t mask = umask(077);
        (void)edit.write_history(history_path);
        (void)chmod(history_path, 0600); /* where it was there */
        (void)umask(mask);
    }
    editing = NULL;
}
