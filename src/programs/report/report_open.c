/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_open.c: shows a page in a browser.
 *
 * $BROWSER is a list of commands with colons between them, as other programs read it; without it
 * the command is xdg-open. The first that can be started is used. A command is split at spaces, and
 * no shell sees it. The page's absolute path takes the place of %s, or is the last argument. So the
 * path, which may contain anything, is always one argument, and begins with a slash.
 *
 * The program waits for the browser: one that runs in the terminal needs it, and how it ended tells
 * whether it could show the page. Most others return at once, or after a window of theirs is
 * closed.
 */
#include "report/report.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "term/term.h"

enum { ARGUMENTS_MAX = 32, COMMAND_SIZE_MAX = 4096 };

/* A command, and its words. */
struct browser {
    char text[COMMAND_SIZE_MAX];
    char *arguments[ARGUMENTS_MAX + 2]; /* with the path and NULL */
};

/* Returns false for one that is empty or too long. */
static bool
report_open_split(struct browser *browser, const char *command, size_t size, char *path)
{
    size_t count = 0;
    bool has_path = false;
    if (size >= sizeof(browser->text)) {
        return false;
    }
    memcpy(browser->text, command, size);
    browser->text[size] = '\0';
    for (char *word = strtok(browser->text, " \t"); word != NULL; word = strtok(NULL, " \t")) {
        if (count == ARGUMENTS_MAX) {
            return false;
        }
        bool is_path = count > 0 && strcmp(word, "%s") == 0;
        browser->arguments[count++] = is_path ? path : word;
        has_path = has_path || is_path;
    }
    if (count > 0 && !has_path) {
        browser->arguments[count++] = path;
    }
    browser->arguments[count] = NULL;
    return count > 0;
}

static bool
wait_for(pid_t pid, const char *name)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    bool is_fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!is_fine && WIFEXITED(status)) {
        fi_command_report_line("could not open the page: '%s' ended with %d", name,
                               WEXITSTATUS(status));
    } else if (!is_fine) {
        fi_command_report_line("could not open the page: '%s' was ended by a signal", name);
    }
    return is_fine;
}

bool
fi_report_open(const struct fi_cli *cli, const char *path)
{
    struct browser browser;
    const char *list = getenv("BROWSER");
    bool has_list = list != NULL && list[0] != '\0';
    char *absolute = realpath(path, NULL);
    pid_t pid = 0;
    if (absolute == NULL) {
        fi_command_report_line("could not open the page: %s", strerror(errno));
        return false;
    }
    assert(absolute[0] == '/');
    /* What the browser prints does not get into the program's output. */
    int to = cli->json || isatty(STDOUT_FILENO) != 1 ? STDERR_FILENO : -1;
    fi_term_out_flush();
    for (const char *at = has_list ? list : "xdg-open"; pid == 0 && *at != '\0';) {
        size_t size = strcspn(at, ":");
        if (!report_open_split(&browser, at, size, absolute) ||
            fi_term_spawn(browser.arguments, -1, to, &pid) != 0) {
            pid = 0;
        }
        at += size + (at[size] == ':');
    }
    bool is_open = pid > 0 && wait_for(pid, browser.arguments[0]);
    free(absolute);
    if (pid == 0) {
        fi_command_report_line(has_list ? "could not open the page: no program of BROWSER can be "
                                          "started"
                                        : "could not open the page: there is no xdg-open");
        fi_command_report_more("hint", "set BROWSER to a browser, or open the file in one");
    }
    return is_open;
}
