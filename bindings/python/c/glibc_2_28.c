/* SPDX-License-Identifier: Apache-2.0
 *
 * bindings/python/c/glibc_2_28.c: lets a wheel that is linked with a newer glibc run with glibc 2.28 (RHEL 8, Debian 10).
 *
 * glibc 2.29 to 2.34 gave functions new versions: those of threads moved from libpthread to libc, stat got functions of its own, and
 * pow and log2 no longer set errno by way of matherr. Programs that are linked later ask for the new versions, although the old ones do
 * the same, and are still in each glibc. So the functions below are those that the extension and the libraries in it call, and
 * call the old versions. They are hidden: nothing else in the process sees them.
 *
 * The list is complete if `objdump -T` shows no version above 2.28 (tests/packages/test_packages).
 */
#define _GNU_SOURCE
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

#define OLD(name, version) __asm__(".symver old_" #name "," #name "@" version)
OLD(pthread_create, BASE);
OLD(pthread_join, BASE);
OLD(pthread_once, BASE);
OLD(pthread_sigmask, BASE);
OLD(pthread_mutex_trylock, BASE);
OLD(pthread_condattr_setclock, CLOCK);
OLD(pthread_rwlock_init, BASE);
OLD(pthread_rwlock_destroy, BASE);
OLD(pthread_rwlock_rdlock, BASE);
OLD(pthread_rwlock_wrlock, BASE);
OLD(pthread_rwlock_unlock, BASE);
OLD(pow, BASE);
OLD(log2, BASE);
OLD(__fxstat, BASE);
OLD(__fxstatat, FXSTATAT);

int old_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                       void *argument);
int old_pthread_join(pthread_t thread, void **result);
int old_pthread_once(pthread_once_t *once, void (*init)(void));
int old_pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
int old_pthread_mutex_trylock(pthread_mutex_t *mutex);
int old_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock);
int old_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attributes);
int old_pthread_rwlock_destroy(pthread_rwlock_t *lock);
int old_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int old_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int old_pthread_rwlock_unlock(pthread_rwlock_t *lock);
double old_pow(double x, double y);
double old_log2(double x);
int old___fxstat(int version, int fd, struct stat *out);
int old___fxstatat(int version, int fd, const char *path, struct stat *out, int flags);

int
pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
               void *(*start)(void *), void *restrict argument)
{
    return old_pthread_create(thread, attributes, start, argument);
}

int
pthread_join(pthread_t thread, void **result)
{
    return old_pthread_join(thread, result);
}

int
pthread_once(pthread_once_t *once, void (*init)(void))
{
    return old_pthread_once(once, init);
}

int
pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    return old_pthread_sigmask(how, set, old);
}

int
pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    return old_pthread_mutex_trylock(mutex);
}

int
pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock)
{
    return old_pthread_condattr_setclock(attributes, clock);
}

int
pthread_rwlock_init(pthread_rwlock_t *restrict lock,
                    const pthread_rwlockattr_t *restrict attributes)
{
    return old_pthread_rwlock_init(lock, attributes);
}

int
pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    return old_pthread_rwlock_destroy(lock);
}

int
pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return old_pthread_rwlock_rdlock(lock);
}

int
pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return old_pthread_rwlock_wrlock(lock);
}

int
pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    return old_pthread_rwlock_unlock(lock);
}

double
pow(double x, double y)
{
    return old_pow(x, y);
}

double
log2(double x)
{
    return old_log2(x);
}

int
fstat(int fd, struct stat *out)
{
    return old___fxstat(STAT_VERSION, fd, out);
}

int
fstatat(int fd, const char *restrict path, struct stat *restrict out, int flags)
{
    return old___fxstatat(STAT_VERSION, fd, path, out, flags);
}
