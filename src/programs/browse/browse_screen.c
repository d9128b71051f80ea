/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_screen.c: the terminal: ncurses, keys, and giving the terminal back in any case.
 *
 * ncurses knows what each terminal can do, sends only what changed, and tells keys from the bytes
 * that they send. Its library is loaded when it is needed (libncursesw.so.6), so no other command
 * needs it; the program in one file does without, and says so. Only the functions in `curses` are
 * used, on a window of its own.
 *
 * Signals. SIGINT, SIGTERM and SIGHUP set a flag as everywhere (term_signals.c); the loop ends, and
 * the terminal is given back. A second one ends the program in its handler, as does SIGQUIT: then
 * what is needed for that, which was prepared when the terminal was taken, is written from the
 * handler. A stop (Ctrl-Z) and a new size are noted by handlers and obeyed by the loop, which waits
 * with these signals let in by ppoll alone, so none is missed. A stop during a restore is obeyed
 * when the restore is done.
 *
 * Characters. The program writes UTF-8, whatever the locale; only a locale that names another
 * character set is obeyed.
 *
 * Threads: one, but for fi_browse_screen_has_event.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#ifndef FIRN_HAS_CURSES

int
fi_browse_screen_open(struct fi_cli *cli, const char *instead)
{
    return fi_command_report_error(
        cli, FIRN_UNSUPPORTED, instead,
        "this program was built without ncurses, which draws the screen");
}

void
fi_browse_screen_close(void)
{
}

void
fi_browse_screen_size(size_t *out_rows, size_t *out_columns)
{
    *out_rows = 0;
    *out_columns = 0;
}

void
fi_browse_screen_show(const struct fi_browse_cells *cells)
{
    (void)cells;
}

void
fi_browse_screen_spoil(void)
{
}

enum fi_browse_event
fi_browse_screen_wait(int timeout_ms, uint32_t *out_key)
{
    (void)timeout_ms;
    *out_key = FI_BROWSE_KEY_NONE;
    return FI_BROWSE_EVENT_STOP;
}

bool
fi_browse_screen_has_event(void)
{
    return true;
}

#else

#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <dlfcn.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* ==== the library ==== */

/* As <term.h> declares it, which cannot be included: it has macros that are called `columns` and
 * `lines`. */
extern char *tigetstr(const char *name);

static struct {
    __typeof__(newterm) *newterm;
    __typeof__(endwin) *endwin;
    __typeof__(delscreen) *delscreen;
    __typeof__(newwin) *newwin;
    __typeof__(delwin) *delwin;
    __typeof__(cbreak) *cbreak;
    __typeof__(noecho) *noecho;
    __typeof__(nonl) *nonl;
    __typeof__(keypad) *keypad;
    __typeof__(nodelay) *nodelay;
    __typeof__(curs_set) *curs_set;
    __typeof__(wget_wch) *wget_wch;
    __typeof__(wmove) *wmove;
    __typeof__(waddnwstr) *waddnwstr;
    __typeof__(wattr_set) *wattr_set;
    __typeof__(wrefresh) *wrefresh;
    __typeof__(clearok) *clearok;
    __typeof__(resizeterm) *resizeterm;
    __typeof__(wresize) *wresize;
    __typeof__(set_escdelay) *set_escdelay;
    __typeof__(has_colors) *has_colors;
    __typeof__(start_color) *start_color;
    __typeof__(use_default_colors) *use_default_colors;
    __typeof__(init_pair) *init_pair;
    __typeof__(tigetstr) *tigetstr;
} curses;

static const char library_name[] = "libncursesw.so.6";

/* A function pointer is read as what dlsym says it is. */
static bool
browse_screen_find(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);
    assert(sizeof(symbol) == sizeof(void (*)(void)));
    memcpy(out, &symbol, sizeof(symbol));
    return symbol != NULL;
}

#define FIND(name) browse_screen_find(library, #name, &curses.name)

/* Returns why it is not there, or NULL. */
static const char *
browse_screen_load(void)
{
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    bool is_whole = library != NULL && FIND(newterm) && FIND(endwin) && FIND(delscreen) &&
                    FIND(newwin) && FIND(delwin) && FIND(cbreak) && FIND(noecho) && FIND(nonl) &&
                    FIND(keypad) && FIND(nodelay) && FIND(curs_set) && FIND(wget_wch) &&
                    FIND(wmove) && FIND(waddnwstr) && FIND(wattr_set) && FIND(wrefresh) &&
                    FIND(clearok) && FIND(resizeterm) && FIND(wresize) && FIND(set_escdelay) &&
                    FIND(has_colors) && FIND(start_color) && FIND(use_default_colors) &&
                    FIND(init_pair) && FIND(tigetstr);
    const char *why = is_whole ? NULL : dlerror();
    return is_whole || why != NULL ? why : library_name;
}

/* ==== what is open ==== */

enum { RESTORE_SIZE = 256, ESCAPE_DELAY_MS = 25, EMPTY_READS_MAX = 100, RUN_MAX = 256 };

static SCREEN *screen; /* NULL: the terminal is not ours */
static WINDOW *window;
static bool has_colours;
static struct termios modes_before;
static struct sigaction stop_before;
static struct sigaction resize_before;
static unsigned empty_reads; /* in a row, of a terminal that was said to have a key */

/* Relaxed: each says nothing but itself. */
static atomic_bool is_to_stop;
static atomic_bool is_resized;

/* What gives the terminal back, for a signal handler. */
static char restoring[RESTORE_SIZE];
static size_t restoring_size;

static void
on_stop(int number)
{
    (void)number;
    atomic_store_explicit(&is_to_stop, true, memory_order_relaxed);
}

static void
on_resize(int number)
{
    (void)number;
    atomic_store_explicit(&is_resized, true, memory_order_relaxed);
}

static void
browse_screen_handle(int number, void (*handler)(int), struct sigaction *before)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);
    action.sa_handler = handler;
    (void)sigaction(number, &action, before);
}

/* In a signal handler. */
static void
give_back(void)
{
    if (write(STDOUT_FILENO, restoring, restoring_size) >= 0) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &modes_before);
    }
}

/* Adds one of the terminal's strings, without the delays that it may name. */
static void
add_restoring(const char *name)
{
    const char *text = curses.tigetstr(name);
    bool is_delay = false;
    if (text == NULL || (intptr_t)text == -1) {
        return;
    }
    for (; *text != '\0' && restoring_size < sizeof(restoring); text++) {
        is_delay = is_delay || (text[0] == '$' && text[1] == '<');
        if (!is_delay) {
            restoring[restoring_size++] = *text;
        }
        is_delay = is_delay && *text != '>';
    }
}

static void
prepare_restoring(void)
{
    restoring_size = 0;
    add_restoring("sgr0");
    add_restoring("cnorm");
    add_restoring("rmkx");
    add_restoring("rmcup");
    assert(restoring_size <= sizeof(restoring));
}

/* ==== opening and closing ==== */

static void
choose_characters(void)
{
    bool is_set = setlocale(LC_CTYPE, "") != NULL;
    if (!is_set || strcmp(nl_langinfo(CODESET), "ANSI_X3.4-1968") == 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    }
}

static void
choose_colours(void)
{
    const char *no_color = getenv("NO_COLOR");
    static const short colours[] = {COLOR_GREEN, COLOR_RED, COLOR_CYAN, COLOR_YELLOW};
    has_colours = (no_color == NULL || no_color[0] == '\0') && curses.has_colors() &&
                  curses.start_color() == OK && curses.use_default_colors() == OK;
    for (short i = 0; has_colours && i < 4; i++) {
        has_colours = curses.init_pair((short)(i + 1), colours[i], -1) == OK;
    }
}

/* Returns whether the terminal can do what is needed. */
static bool
browse_screen_take(const char *type)
{
    screen = curses.newterm(type, stdout, stdin);
    if (screen == NULL) {
        return false;
    }
    const char *move = curses.tigetstr("cup");
    window = curses.newwin(0, 0, 0, 0);
    if (window == NULL || move == NULL || (intptr_t)move == -1) {
        fi_browse_screen_close();
        return false;
    }
    prepare_restoring();
    fi_term_signals_before_end(give_back);
    (void)curses.set_escdelay(ESCAPE_DELAY_MS);
    (void)curses.cbreak();
    (void)curses.noecho();
    (void)curses.nonl();
    (void)curses.keypad(window, true);
    (void)curses.nodelay(window, true);
    (void)curses.curs_set(0);
    choose_colours();
    return true;
}

int
fi_browse_screen_open(struct fi_cli *cli, const char *instead)
{
    const char *type = getenv("TERM");
    assert(screen == NULL);
    if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1) {
        return fi_command_report_error(cli, FIRN_UNSUPPORTED, instead,
                                       "this needs a terminal as standard input and output");
    }
    if (type == NULL || type[0] == '\0' || strcmp(type, "dumb") == 0) {
        return fi_command_report_error(cli, FIRN_UNSUPPORTED, instead,
                                       "a terminal without a cursor is not enough (TERM=%s)",
                                       type != NULL ? type : "");
    }
    const char *why = browse_screen_load();
    if (why != NULL) {
        char hint[256];
        (void)snprintf(hint, sizeof(hint), "install ncurses 6 (Debian's libncursesw6); %s",
                       instead);
        return fi_command_report_error(cli, FIRN_UNSUPPORTED, hint, "could not load ncurses: %s",
                                       why);
    }
    (void)tcgetattr(STDIN_FILENO, &modes_before);
    browse_screen_handle(SIGTSTP, on_stop, &stop_before);
    browse_screen_handle(SIGWINCH, on_resize, &resize_before);
    choose_characters();
    if (!browse_screen_take(type)) {
        (void)sigaction(SIGTSTP, &stop_before, NULL);
        (void)sigaction(SIGWINCH, &resize_before, NULL);
        return fi_command_report_error(cli, FIRN_UNSUPPORTED, instead,
                                       "cannot use a terminal of the type '%s'", type);
    }
    return FI_EXIT_OK;
}

void
fi_browse_screen_close(void)
{
    if (screen == NULL) {
        return;
    }
    if (window != NULL) {
        (void)curses.delwin(window);
        window = NULL;
    }
    (void)curses.endwin();
    curses.delscreen(screen);
    screen = NULL;
    fi_term_signals_before_end(NULL);
    (void)sigaction(SIGTSTP, &stop_before, NULL);
    (void)sigaction(SIGWINCH, &resize_before, NULL);
    (void)setlocale(LC_CTYPE, "C");
}

/* ==== showing ==== */

void
fi_browse_screen_size(size_t *out_rows, size_t *out_columns)
{
    struct winsize size;
    bool is_known =
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0;
    *out_rows = is_known ? size.ws_row : 24;
    *out_columns = is_known ? size.ws_col : 80;
}

void
fi_browse_screen_spoil(void)
{
    assert(window != NULL);
    (void)curses.clearok(window, true);
}

static void
set_style(enum fi_browse_style style)
{
    static const struct {
        attr_t attributes;
        short pair;
    } styles[FI_BROWSE_STYLES] = {
        [FI_BROWSE_PLAIN] = {A_NORMAL, 0},   [FI_BROWSE_CHOSEN] = {A_REVERSE, 0},
        [FI_BROWSE_BAR] = {A_REVERSE, 0},    [FI_BROWSE_STRONG] = {A_BOLD, 0},
        [FI_BROWSE_FAINT] = {A_DIM, 0},      [FI_BROWSE_ADDED] = {A_NORMAL, 1},
        [FI_BROWSE_REMOVED] = {A_NORMAL, 2}, [FI_BROWSE_RANGE] = {A_NORMAL, 3},
        [FI_BROWSE_CHANGED] = {A_NORMAL, 4}, [FI_BROWSE_MARKED] = {A_BOLD, 4}};
    assert(style < FI_BROWSE_STYLES);
    (void)curses.wattr_set(window, styles[style].attributes,
                           (short)(has_colours ? styles[style].pair : 0), NULL);
}

static bool
is_simple(const struct fi_browse_cell *cell)
{
    return cell->points[0] < 0x80 && cell->points[1] == 0;
}

/* The cells of a row from a column on that can be written at once: ASCII of one style, or one
 * character whose width the library may see otherwise. Returns the column after them. */
static size_t
show_run(const struct fi_browse_cell *row, size_t column, size_t columns)
{
    wchar_t text[RUN_MAX + FI_BROWSE_CELL_POINTS];
    int size = 0;
    size_t at = column;
    if (is_simple(&row[at])) {
        while (at < columns && size < RUN_MAX && is_simple(&row[at]) && row[at].width == 1 &&
               row[at].style == row[column].style) {
            text[size++] = (wchar_t)row[at++].points[0];
        }
    } else {
        for (size_t i = 0; i < FI_BROWSE_CELL_POINTS && row[at].points[i] != 0; i++) {
            text[size++] = (wchar_t)row[at].points[i];
        }
        at += row[at].width;
    }
    assert(at > column);
    set_style(row[column].style);
    (void)curses.waddnwstr(window, text, size);
    return at;
}

void
fi_browse_screen_show(const struct fi_browse_cells *cells)
{
    assert(window != NULL);
    for (size_t row = 0; row < cells->rows; row++) {
        for (size_t column = 0; column < cells->columns;) {
            (void)curses.wmove(window, (int)row, (int)column);
            column = show_run(&cells->at[row * cells->columns], column, cells->columns);
        }
    }
    (void)curses.wrefresh(window);
}

/* ==== keys ==== */

static uint32_t
key_of(int result, wint_t read)
{
    static const struct {
        wint_t code;
        uint32_t key;
    } codes[] = {{KEY_UP, FI_BROWSE_KEY_UP},           {KEY_DOWN, FI_BROWSE_KEY_DOWN},
                 {KEY_LEFT, FI_BROWSE_KEY_LEFT},       {KEY_RIGHT, FI_BROWSE_KEY_RIGHT},
                 {KEY_PPAGE, FI_BROWSE_KEY_PAGE_UP},   {KEY_NPAGE, FI_BROWSE_KEY_PAGE_DOWN},
                 {KEY_HOME, FI_BROWSE_KEY_HOME},       {KEY_END, FI_BROWSE_KEY_END},
                 {KEY_BTAB, FI_BROWSE_KEY_BACK_TAB},   {KEY_ENTER, FI_BROWSE_KEY_ENTER},
                 {KEY_BACKSPACE, FI_BROWSE_KEY_ERASE}, {KEY_F(5), FI_BROWSE_KEY_REFRESH}};
    static const uint32_t controls[] = {
        ['\b'] = FI_BROWSE_KEY_ERASE,   ['\t'] = FI_BROWSE_KEY_TAB,   ['\n'] = FI_BROWSE_KEY_ENTER,
        ['\f'] = FI_BROWSE_KEY_REFRESH, ['\r'] = FI_BROWSE_KEY_ENTER, [0x12] = FI_BROWSE_KEY_REDO,
        [0x1B] = FI_BROWSE_KEY_ESCAPE};
    if (result == KEY_CODE_YES) {
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
            if (codes[i].code == read) {
                return codes[i].key;
            }
        }
        return FI_BROWSE_KEY_NONE;
    }
    if (read == 0x7F) {
        return FI_BROWSE_KEY_ERASE;
    }
    if (read < sizeof(controls) / sizeof(controls[0])) {
        return controls[read] != 0 ? controls[read] : FI_BROWSE_KEY_NONE;
    }
    return read;
}

/* Gives the terminal back until the program is continued. */
static void
browse_screen_stop(void)
{
    struct sigaction ours;
    atomic_store_explicit(&is_to_stop, false, memory_order_relaxed);
    (void)curses.endwin();
    if (sigaction(SIGTSTP, &stop_before, &ours) == 0) {
        (void)raise(SIGTSTP);
        (void)sigaction(SIGTSTP, &ours, NULL);
    }
    fi_browse_screen_spoil();
}

static void
browse_screen_resize(void)
{
    size_t rows;
    size_t columns;
    atomic_store_explicit(&is_resized, false, memory_order_relaxed);
    fi_browse_screen_size(&rows, &columns);
    (void)curses.resizeterm((int)rows, (int)columns);
    (void)curses.wresize(window, (int)rows, (int)columns);
    fi_browse_screen_spoil();
}

static bool
has_noted(void)
{
    return fi_term_signals_caught() != 0 ||
           atomic_load_explicit(&is_to_stop, memory_order_relaxed) ||
           atomic_load_explicit(&is_resized, memory_order_relaxed);
}

bool
fi_browse_screen_has_event(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return has_noted() || poll(&input, 1, 0) != 0;
}

/* Waits for a key or a signal. Returns what poll tells of the terminal. */
static short
wait_for_input(int timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    static const int noted[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH};
    sigset_t signals;
    sigset_t before;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++) {
        sigaddset(&signals, noted[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &signals, &before);
    int found = has_noted() ? 0 : ppoll(&input, 1, &timeout, &before);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return (short)(found > 0 ? input.revents : 0);
}

enum fi_browse_event
fi_browse_screen_wait(int timeout_ms, uint32_t *out_key)
{
    assert(window != NULL && timeout_ms >= 0);
    wint_t read = 0;
    int result = curses.wget_wch(window, &read); /* it may have one already */
    short ready = 0;
    if (result == ERR) {
        ready = wait_for_input(timeout_ms);
        result = ready != 0 && !has_noted() ? curses.wget_wch(window, &read) : ERR;
    }
    if (result != ERR) {
        empty_reads = 0;
        *out_key = key_of(result, read); /* the library makes a key of each new size, too */
        return *out_key == FI_BROWSE_KEY_NONE ? FI_BROWSE_EVENT_NONE : FI_BROWSE_EVENT_KEY;
    }
    empty_reads += ready != 0;
    if (fi_term_signals_caught() != 0 || (ready & (POLLHUP | POLLERR | POLLNVAL)) != 0 ||
        empty_reads > EMPTY_READS_MAX) {
        return FI_BROWSE_EVENT_STOP;
    }
    if (atomic_load_explicit(&is_to_stop, memory_order_relaxed)) {
        browse_screen_stop();
        atomic_store_explicit(&is_resized, true, memory_order_relaxed);
    }
    if (atomic_load_explicit(&is_resized, memory_order_relaxed)) {
        browse_screen_resize();
        return FI_BROWSE_EVENT_RESIZED;
    }
    return FI_BROWSE_EVENT_NONE;
}

#endif
