/* Reads one block over and over with libmodbus and prints what that cost.
 *
 * peer_libmodbus PORT BAUD PARITY UNIT FUNCTION ADDRESS COUNT ROUNDS
 * Output: CPU seconds (user and system) and wall seconds for all rounds, the first one apart.
 */
#include <errno.h>
#include <modbus.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double cpu_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
           1e-6 * (used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static double wall_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 9) {
        fprintf(stderr, "usage: %s PORT BAUD PARITY UNIT FUNCTION ADDRESS COUNT ROUNDS\n", argv[0]);
        return 2;
    }
    int function = atoi(argv[5]), address = atoi(argv[6]), count = atoi(argv[7]);
    int rounds = atoi(argv[8]);
    uint16_t words[125];
    double cpu = 0, wall = 0;
    modbus_t *bus = modbus_new_rtu(argv[1], atoi(argv[2]), argv[3][0], 8, 1);
    if (bus == NULL || modbus_set_slave(bus, atoi(argv[4])) != 0 || modbus_connect(bus) != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], modbus_strerror(errno));
        return 1;
    }
    for (int round = 0; round <= rounds; round++) {
        if (round == 1) {
            cpu = cpu_s();
            wall = wall_s();
        }
        int got = function == 3 ? modbus_read_registers(bus, address, count, words)
                                : modbus_read_input_registers(bus, address, count, words);
        if (got != count) {
            fprintf(stderr, "round %d: %s\n", round, modbus_strerror(errno));
            return 1;
        }
    }
    printf("%.6f %.6f\n", cpu_s() - cpu, wall_s() - wall);
    modbus_close(bus);
    modbus_free(bus);
    return 0;
}
