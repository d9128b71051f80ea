/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/run.c: times one command as a whole process and prints one line: "wall user sys rss exit",
 * in seconds and KiB.
 *
 * CPU seconds and peak memory are the kernel's own accounting of the child and of those it waited
 * for (wait4); the peak is that of the largest single process. Wall time is the monotonic clock
 * around fork and wait, so it holds the start of the program as well. With -s the wall time
 * includes a `syncfs` of a directory: the cost of having the result on disk. The child's standard
 * output is discarded, or kept with -o; its standard error is inherited.
 *
 * usage: run [-C DIR] [-o FILE] [-s DIR] COMMAND [ARGUMENT...]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct plan {
    const char *directory; /* of the child; NULL: ours */
    const char *output;    /* of the child; NULL: thrown away */
    const char *sync;      /* NULL: stop the clock when the child ends */
    char **command;
};

static double
now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double
seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static int
usage(void)
{
    (void)fprintf(stderr, "usage: run [-C DIR] [-o FILE] [-s DIR] COMMAND [ARGUMENT...]\n");
    return 125;
}

static _Noreturn void
become(const struct plan *plan)
{
    if (plan->directory != NULL && chdir(plan->directory) != 0) {
        (void)fprintf(stderr, "run: cannot enter %s: %s\n", plan->directory, strerror(errno));
        _exit(125);
    }
    int input = open("/dev/null", O_RDONLY);
    const char *path = plan->output != NULL ? plan->output : "/dev/null";
    int output = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (input < 0 || output < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0) {
        (void)fprintf(stderr, "run: cannot redirect: %s\n", strerror(errno));
        _exit(125);
    }
    (void)execvp(plan->command[0], plan->command);
    (void)fprintf(stderr, "run: cannot start %s: %s\n", plan->command[0], strerror(errno));
    _exit(127);
}

static int
sync_file_system(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || syncfs(fd) != 0) {
        (void)fprintf(stderr, "run: could not sync %s: %s\n", path, strerror(errno));
        return -1;
    }
    return close(fd);
}

static int
time_it(const struct plan *plan)
{
    double begun = now();
    pid_t child = fork();
    if (child < 0) {
        (void)fprintf(stderr, "run: could not fork: %s\n", strerror(errno));
        return 125;
    }
    if (child == 0) {
        become(plan);
    }
    int status;
    struct rusage used;
    while (wait4(child, &status, 0, &used) < 0) {
        if (errno != EINTR) {
            (void)fprintf(stderr, "run: could not wait: %s\n", strerror(errno));
            return 125;
        }
    }
    if (plan->sync != NULL && sync_file_system(plan->sync) != 0) {
        return 125;
    }
    double wall = now() - begun;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    (void)printf("%.4f %.4f %.4f %ld %d\n", wall, seconds_of(used.ru_utime),
                 seconds_of(used.ru_stime), used.ru_maxrss, code);
    return code;
}

int
main(int argc, char **argv)
{
    struct plan plan = {0};
    int option;
    while ((option = getopt(argc, argv, "+C:o:s:")) != -1) {
        switch (option) {
        case 'C':
            plan.directory = optarg;
            break;
        case 'o':
            plan.output = optarg;
            break;
        case 's':
            plan.sync = optarg;
            break;
        default:
            return usage();
        }
    }
    if (optind == argc) {
        return usage();
    }
    plan.command = argv + optind;
    return time_it(&plan);
}
