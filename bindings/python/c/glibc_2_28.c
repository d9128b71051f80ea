/* SPDX-License-Identifier: Apache-2.0
 *
 * bindings/python/c/glibc_2_28.c: lets a wheel that is linked with a newer glibc run with glibc 2.28 (RHEL 8, Debian 10).
 *
 * glibc 2.29 to 2.34 gave functions new versions: those of threads and of libdl moved to libc, stat got functions of its own, and
 * pow and log2 no longer set errno by way of matherr. Programs that are linked later ask for the new versions, although the old ones do
 * the same, and are still in each glibc. So the functions below are those that the extension and the libraries in it call, and
 * call the old versions. They are hidden: nothing else in the process sees them.
 *
 * The list is complete if `objdump -T` shows no version above 2.28 (tests/packages/test_packages).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#if defined(__x86_64__)
#define BASE "GLIBC_2.2.5"
#define CLOCK "GLIBC_2.3.3"
#define FXSTATAT "GLIBC_2.4"
enum { STAT_VERSION = 1 };
#elif defined(__aarch64__)
#define BASE "GLIBC_2.17"
#define CLOCK BASE
#define FXSTATAT BASE
enum { STAT_VERSION = 0 };
#else
#error "the versions of this architecture's glibc are not known here"
#endif

/* A function that calls the old version of itself. */
#define OLD(version, result, name, parameters, arguments) \
    __asm__(".symver old_" #name "," #name "@" version);  \
    result old_##name parameters;                         \
    result name parameters                                \
    {                                                     \
        return old_##name arguments;                      \
    }

OLD(BASE, int, pthread_create,
    (pthread_t *restrict thread, const pthread_attr_t *restrict attributes, void *(*start)(void *),
     void *restrict argument),
    (thread, attributes, start, argument))
OLD(BASE, int, pthread_join, (pthread_t thread, void **result), (thread, result))
OLD(BASE, int, pthread_once, (pthread_once_t * once, void (*init)(void)), (once, init))
OLD(BASE, int, pthread_sigmask, (int how, const sigset_t *restrict set, sigset_t *restrict old),
    (how, set, old))
OLD(BASE, int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
OLD(CLOCK, int, pthread_condattr_setclock, (pthread_condattr_t * attributes, clockid_t clock),
    (attributes, clock))
OLD(BASE, int, pthread_rwlock_init,
    (pthread_rwlock_t *restrict lock, const pthread_rwlockattr_t *restrict attributes),
    (lock, attributes))
OLD(BASE, int, pthread_rwlock_destroy, (pthread_rwlock_t * lock), (lock))
OLD(BASE, int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
OLD(BASE, int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))
OLD(BASE, int, pthread_rwlock_unlock, (pthread_rwlock_t * lock), (lock))
OLD(BASE, void *, dlopen, (const char *path, int mode), (path, mode))
OLD(BASE, void *, dlsym, (void *restrict library, const char *restrict name), (library, name))
OLD(BASE, double, pow, (double x, double y), (x, y))
OLD(BASE, double, log2, (double x), (x))

/* Before glibc 2.33, what headers declared as fstat and fstatat were calls of these. */
__asm__(".symver old_fxstat,__fxstat@" BASE);
__asm__(".symver old_fxstatat,__fxstatat@" FXSTATAT);
int old_fxstat(int version, int fd, struct stat *out);
int old_fxstatat(int version, int fd, const char *path, struct stat *out, int flags);

int
fstat(int fd, struct stat *out)
{
    return old_fxstat(STAT_VERSION, fd, out);
}

int
fstatat(int fd, const char *restrict path, struct stat *restrict out, int flags)
{
    return old_fxstatat(STAT_VERSION, fd, path, out, flags);
}
