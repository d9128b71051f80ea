/* SPDX-License-Identifier: Apache-2.0
 *
 * cipher/cipher_ipsec.c: AES-256-GCM by libIPSec_MB, Intel's Multi-Buffer Crypto for IPsec, where
 * it is installed and the processor has AVX2. It is the fastest for messages of every size
 * (bench_cipher), keeps the expanded key in the caller's memory, and allocates nothing. Where it is
 * missing, cipher_aes.c computes the same.
 *
 * The library has a function for each family of processors. They are called by name, as those who
 * have their own way of choosing are meant to: its manager would be 200 KB of memory, and a
 * structure whose fields differ between versions.
 *
 * (I1) An expanded key fits into EXPANDED_SIZE bytes: it has 1,008 in versions 1.0 to 1.3, and
 *      1,264 in 1.4 to 2.0. Other versions are not taken. (Not checked: a test looks at the bytes
 *      after it.)
 *
 * The processor is asked for every instruction that the functions use, since the library would not
 * ask. What the library computes is compared with a known message before it is used.
 */
#include "cipher/cipher_ipsec.h"

#include <string.h>

#include "base/check.h"
#include "cipher/cipher_internal.h"
#include "codec/cpu.h"
#include "posix/os_library.h"

enum {
    NONCE_SIZE = 12,
    TAG_SIZE = 16,
    EXPANDED_SIZE = 1280,
    CONTEXT_SIZE = 128,          /* of 88 bytes in all versions */
    VERSION_FIRST = 0x10000,     /* 1.0.0 */
    VERSION_AFTER_LAST = 0x20100 /* 2.1.0 */
};

/* In the order of the functions. */
static const char *const names[] = {
    "imb_get_version",
    "aes_gcm_pre_256_avx_gen4",
    "aes_gcm_enc_256_avx_gen4",
    "aes_gcm_dec_256_avx_gen4",
    "aes_gcm_pre_256_vaes_avx512",
    "aes_gcm_enc_256_vaes_avx512",
    "aes_gcm_dec_256_vaes_avx512",
};
enum { COUNT = sizeof names / sizeof names[0] };

static struct {
    unsigned (*version)(void);
    struct fi_cipher_ipsec_functions avx2;
    struct fi_cipher_ipsec_functions avx512;
} found;
static void *functions[COUNT];
/* Those for this processor. Written by start_ipsec only. */
static struct fi_cipher_ipsec_functions ipsec;

struct ipsec_state {
    _Alignas(64) uint8_t expanded[EXPANDED_SIZE];
};

static bool
has_avx2(void)
{
    return fi_cpu_has(FI_CPU_AES) && fi_cpu_has(FI_CPU_AVX2) && fi_cpu_has(FI_CPU_BMI);
}

static bool
has_avx512(void)
{
    return fi_cpu_has(FI_CPU_AVX512) && fi_cpu_has(FI_CPU_VAES);
}

/* ==== messages ==== */

static size_t
ipsec_state_size(void)
{
    return sizeof(struct ipsec_state);
}

static void
ipsec_prepare(void *state, const uint8_t *key)
{
    ipsec.expand(key, state);
}

static int
ipsec_seal(void *state, const struct fi_cipher_message *message)
{
    _Alignas(16) uint8_t context[CONTEXT_SIZE];
    ipsec.encrypt(state, context, message->out, message->in, message->size, message->nonce,
                  message->aad.data, message->aad.size, message->tag, TAG_SIZE);
    return FIRN_OK;
}

/* In a time that does not tell where they differ. */
static bool
are_same_tags(const uint8_t *one, const uint8_t *other)
{
    uint64_t words[4];
    memcpy(words, one, TAG_SIZE);
    memcpy(words + 2, other, TAG_SIZE);
    return ((words[0] ^ words[2]) | (words[1] ^ words[3])) == 0;
}

static int
ipsec_open(void *state, const struct fi_cipher_message *message)
{
    _Alignas(16) uint8_t context[CONTEXT_SIZE];
    uint8_t tag[TAG_SIZE];
    ipsec.decrypt(state, context, message->out, message->in, message->size, message->nonce,
                  message->aad.data, message->aad.size, tag, TAG_SIZE);
    return are_same_tags(tag, message->tag) ? FIRN_OK : FIRN_CORRUPT;
}

/* ==== loading ==== */

/* Seals and opens a message of that size whose tag, which depends on every byte, was computed by
 * OpenSSL. */
static bool
computes_known_message(size_t size, const uint8_t known[TAG_SIZE])
{
    enum { SIZE_MAX_HERE = 1000, AAD_SIZE = 42 };
    struct ipsec_state state;
    uint8_t numbers[AAD_SIZE]; /* key, nonce and associated data: 0, 1, 2, ... */
    uint8_t message[SIZE_MAX_HERE];
    uint8_t tag[TAG_SIZE];
    CHECK(size <= SIZE_MAX_HERE);
    for (size_t i = 0; i < SIZE_MAX_HERE; i++) {
        numbers[i % AAD_SIZE] = (uint8_t)(i % AAD_SIZE);
        message[i] = (uint8_t)(i * 7);
    }
    const struct fi_cipher_message known_message = {.nonce = numbers,
                                                    .aad = firn_bytes(numbers, AAD_SIZE),
                                                    .in = message,
                                                    .out = message,
                                                    .size = size,
                                                    .tag = tag};
    ipsec_prepare(&state, numbers);
    bool is_same = ipsec_seal(&state, &known_message) == FIRN_OK && are_same_tags(tag, known) &&
                   ipsec_open(&state, &known_message) == FIRN_OK;
    for (size_t i = 0; i < SIZE_MAX_HERE; i++) {
        is_same = is_same && message[i] == (uint8_t)(i * 7);
    }
    return is_same;
}

/* Small messages and large ones take different code. */
static bool
computes_known_messages(void)
{
    static const uint8_t small[TAG_SIZE] = {0x1f, 0x54, 0x4a, 0x35, 0xfd, 0x12, 0xb4, 0x87,
                                            0x14, 0xdb, 0xd5, 0x8c, 0x73, 0x8b, 0xdb, 0x25};
    static const uint8_t large[TAG_SIZE] = {0xfe, 0x58, 0x01, 0x6a, 0x59, 0x9c, 0x20, 0x66,
                                            0x30, 0xdb, 0xc9, 0x8f, 0xf0, 0x52, 0x4b, 0x74};
    return computes_known_message(100, small) && computes_known_message(1000, large);
}

static bool
start_ipsec(void)
{
    _Static_assert(sizeof found == sizeof functions, "as many functions as names");
    memcpy(&found, functions, sizeof functions);
    const unsigned version = found.version();
    if (version < VERSION_FIRST || version >= VERSION_AFTER_LAST) {
        return false; /* (I1) */
    }
    ipsec = has_avx512() ? found.avx512 : found.avx2;
    return computes_known_messages();
}

int
fi_cipher_ipsec_load(const struct fi_cipher_ipsec_functions **out, firn_error *err)
{
    static struct fi_os_library library = {.file_name = "libIPSec_MB.so.1",
                                           .other_name = "libIPSec_MB.so.2",
                                           .names = names,
                                           .functions = functions,
                                           .count = COUNT,
                                           .start = start_ipsec};
    *out = NULL;
    if (!has_avx2() || !fi_os_library_load(&library)) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "libIPSec_MB is not installed, or the processor lacks AVX2");
    }
    *out = &ipsec;
    return FIRN_OK;
}

static int
ipsec_load(firn_error *err)
{
    const struct fi_cipher_ipsec_functions *loaded;
    return fi_cipher_ipsec_load(&loaded, err);
}

const struct fi_cipher_backend fi_cipher_ipsec = {
    .number = FI_CIPHER_AES_256_GCM,
    .nonce_size = NONCE_SIZE,
    .tag_size = TAG_SIZE,
    .name = "AES-256-GCM",
    .load = ipsec_load,
    .state_size = ipsec_state_size,
    .prepare = ipsec_prepare,
    .seal = ipsec_seal,
    .open = ipsec_open,
};
