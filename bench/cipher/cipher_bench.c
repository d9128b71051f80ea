/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/cipher/cipher_bench.c: what sealing and opening cost, by each cipher that this machine has,
 * with 36 bytes of associated data; what a key, a derived key and a passphrase cost.
 *
 * bench_cipher. Prints GB/s of processor time, the best of several rounds; of messages below 1 KiB
 * nanoseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "cipher/cipher_derive.h"
#include "cipher/cipher_internal.h"
#include "cipher/cipher_passphrase.h"

enum { ROUNDS = 7, AAD_SIZE = 36, LARGEST = 1 << 20, ROUND_BYTES = 16 << 20, TURNS_MAX = 20000 };

static const size_t sizes[] = {128, 256, 512, 1 << 10, 4 << 10, 64 << 10, LARGEST};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static uint8_t plain[LARGEST];
static uint8_t sealed[LARGEST + FI_CIPHER_TAG_SIZE_MAX];
static uint8_t opened[LARGEST];
static uint8_t aad[AAD_SIZE];
static uint8_t key_bytes[FI_CIPHER_KEY_SIZE] = {1, 2, 3};

static double
now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Nanoseconds a message, the best of all rounds. */
static double
time_message(struct fi_cipher_key *key, size_t size, bool opens)
{
    const size_t turns = ROUND_BYTES / size < TURNS_MAX ? ROUND_BYTES / size : TURNS_MAX;
    const firn_slice bound = firn_bytes(aad, AAD_SIZE);
    const firn_slice message = firn_bytes(sealed, size + fi_cipher_key_tag_size(key));
    double best = 1e18;
    CHECK(fi_cipher_seal(key, 7, bound, firn_bytes(plain, size), sealed, NULL) == FIRN_OK);
    for (int round = 0; round < ROUNDS; round++) {
        double began = now_ns();
        for (size_t i = 0; i < turns; i++) {
            CHECK((opens ? fi_cipher_open(key, 7, bound, message, opened, NULL)
                         : fi_cipher_seal(key, 7, bound, firn_bytes(plain, size), sealed, NULL)) ==
                  FIRN_OK);
        }
        double took = (now_ns() - began) / (double)turns;
        best = took < best ? took : best;
    }
    return best;
}

static void
bench_backend(const char *label, const struct fi_cipher_backend *backend)
{
    struct fi_cipher_key *key;
    firn_error err;
    if (backend->load(&err) != FIRN_OK) {
        printf("%-32s %s\n", label, err.text);
        return;
    }
    CHECK(fi_cipher_key_create_by(backend, key_bytes, &key, NULL) == FIRN_OK);
    for (int opens = 0; opens < 2; opens++) {
        printf("%-26s %-5s", label, opens ? "open" : "seal");
        for (size_t i = 0; i < SIZES; i++) {
            double took = time_message(key, sizes[i], opens);
            if (sizes[i] < 1 << 10) {
                printf(" %6.0f ns", took);
            } else {
                printf(" %4.2f GB/s", (double)sizes[i] / took);
            }
        }
        puts("");
    }
    fi_cipher_key_destroy(key);
}

static void
bench_keys(void)
{
    enum { TURNS = 20000 };
    struct fi_cipher_key *key;
    uint8_t derived[FI_CIPHER_KEY_SIZE];
    double began = now_ns();
    for (int i = 0; i < TURNS; i++) {
        fi_cipher_derive_file(key_bytes, aad, derived);
    }
    printf("key of a file derived: %.0f ns\n", (now_ns() - began) / TURNS);
    for (unsigned number = 1; fi_cipher_name(number) != NULL; number++) {
        if (fi_cipher_check(number, NULL) != FIRN_OK) {
            continue;
        }
        began = now_ns();
        for (int i = 0; i < TURNS; i++) {
            CHECK(fi_cipher_key_create(number, key_bytes, &key, NULL) == FIRN_OK);
            fi_cipher_key_destroy(key);
        }
        printf("key of %s made and freed, alone: %.0f ns\n", fi_cipher_name(number),
               (now_ns() - began) / TURNS);
    }
}

static void
bench_passphrase(const char *label, const struct fi_cipher_passphrase_cost *cost)
{
    uint8_t out[FI_CIPHER_PASSPHRASE_OUT_SIZE];
    double began = now_ns();
    if (fi_cipher_passphrase_stretch(firn_str("correct horse"), aad, cost, out, NULL) == FIRN_OK) {
        printf("passphrase, %s (%u passes over %u MiB): %.0f ms\n", label, cost->passes,
               cost->memory_kib >> 10, (now_ns() - began) / 1e6);
    }
}

int
main(void)
{
    for (size_t i = 0; i < LARGEST; i++) {
        plain[i] = (uint8_t)(i * 31 + (i >> 9));
    }
    printf("%-32s %9s %9s %9s %9s %9s %9s %9s\n", "", "128 B", "256 B", "512 B", "1 KiB", "4 KiB",
           "64 KiB", "1 MiB");
    bench_backend("XChaCha20-Poly1305", &fi_cipher_chacha);
    bench_backend("AES-256-GCM, libIPSec_MB", &fi_cipher_ipsec);
    bench_backend("AES-256-GCM, libsodium", &fi_cipher_gcm);
    bench_backend("AES-256-GCM, OpenSSL", &fi_cipher_openssl);
    bench_backend("AES-256-GCM, the last two", &fi_cipher_aes);
    bench_backend("AEGIS-256", &fi_cipher_aegis);
    bench_keys();
    bench_passphrase("local", &fi_cipher_passphrase_local);
    bench_passphrase("remote", &fi_cipher_passphrase_remote);
    return 0;
}
