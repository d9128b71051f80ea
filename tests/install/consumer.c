/* SPDX-License-Identifier: Apache-2.0
 *
 * install/consumer.c: a foreign program: it knows an installed libfirn and nothing of this tree. C and C++.
 */
#include <stdio.h>
#include <string.h>

#include <firn/firn.h>

int
main(int argc, char **argv)
{
    firn_error err;
    firn_store *store = NULL;
    firn_keyspace *users = NULL;
    uint8_t *value = NULL;
    size_t size = 0;
    if (argc != 2 || strcmp(firn_version(), FIRN_VERSION) != 0) {
        return 2;
    }
    if (firn_store_open(argv[1], NULL, &store, &err) != FIRN_OK ||
        firn_keyspace_open(store, "users", NULL, &users, &err) != FIRN_OK ||
        firn_put(users, firn_str("ada"), firn_str("1815"), NULL, &err) != FIRN_OK ||
        firn_get(users, firn_str("ada"), &value, &size, &err) != FIRN_OK) {
        (void)fprintf(stderr, "%s: %s\n", firn_code_name(err.code), err.text);
        return 1;
    }
    (void)printf("%.*s\n", (int)size, (const char *)value);
    firn_release(value);
    return firn_store_close(store, &err) == FIRN_OK ? 0 : 1;
}
