/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: when firn watch --all takes the machine to run on its battery.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "service/service.h"
#include "support/test.h"

static char directory[] = "/tmp/firn-power-XXXXXX";

static void
put(const char *supply, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, supply);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s/%s", directory, supply, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static bool
is_battery(void)
{
    return fi_service_power_is_battery(directory);
}

static void
a_battery_counts_while_it_is_discharged(void **state)
{
    char command[64];
    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_false(fi_service_power_is_battery("/nowhere"));
    assert_false(is_battery());
    put("hid-mouse", "type", "Battery\n");
    put("hid-mouse", "scope", "Device\n");
    put("hid-mouse", "status", "Discharging\n");
    assert_false(is_battery());
    put("BAT0", "type", "Battery\n");
    put("BAT0", "status", "Full\n");
    assert_false(is_battery());
    put("BAT0", "status", "Discharging\n");
    assert_true(is_battery());
    put("AC", "type", "Mains\n");
    put("AC", "online", "0\n");
    assert_true(is_battery());
    put("AC", "online", "1\n");
    assert_false(is_battery());
    put("AC", "type",
        "a type that is longer than any that the kernel has, and than what is read\n");
    assert_true(is_battery());
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_battery_counts_while_it_is_discharged),
    };
    return cmocka_run_group_tests_name("cli_power", tests, NULL, NULL);
}
