/* A Modbus client on libmodbus: jobs on standard input, one line of numbers back for each.
 *   client rtu PATH BAUD | client tcp PORT
 *   input|holding|coils UNIT ADDR COUNT    registers UNIT ADDR VALUE...    coil UNIT ADDR 0|1
 */
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 125 };

static int numbers(char *text, int *found)
{
    int count = 0;
    for (char *word = strtok(text, " \n"); word && count < MOST; word = strtok(NULL, " \n"))
        found[count++] = atoi(word);
    return count;
}

static int carry_out(modbus_t *bus, const char *job, const int *given, int count)
{
    uint16_t words[MOST] = {0};
    uint8_t bits[MOST] = {0};
    int done = -1, addr = given[1], many = given[2], coils = !strcmp(job, "coils");

    modbus_set_slave(bus, given[0]);
    if (!strcmp(job, "registers")) {
        for (int i = 2; i < count; i++)
            words[i - 2] = (uint16_t)given[i];
        return modbus_write_registers(bus, addr, count - 2, words) < 0 ? -1 : puts("");
    }
    if (!strcmp(job, "coil"))
        return modbus_write_bit(bus, addr, many) < 0 ? -1 : puts("");
    if (!strcmp(job, "input"))
        done = modbus_read_input_registers(bus, addr, many, words);
    else if (!strcmp(job, "holding"))
        done = modbus_read_registers(bus, addr, many, words);
    else if (coils)
        done = modbus_read_bits(bus, addr, many, bits);
    for (int i = 0; i < done; i++)
        printf("%d ", coils ? bits[i] : words[i]);
    return done < 0 ? -1 : puts("");
}

int main(int argc, char **argv)
{
    char job[16], rest[512];
    int given[MOST], count;
    modbus_t *bus = NULL;

    if (argc == 4 && !strcmp(argv[1], "rtu"))
        bus = modbus_new_rtu(argv[2], atoi(argv[3]), 'N', 8, 1);
    else if (argc == 3 && !strcmp(argv[1], "tcp"))
        bus = modbus_new_tcp("127.0.0.1", atoi(argv[2]));
    if (!bus || modbus_connect(bus) < 0) {
        fprintf(stderr, "cannot connect: %s\n", modbus_strerror(errno));
        return 1;
    }
    modbus_set_response_timeout(bus, 1, 0);
    while (scanf("%15s%511[^\n]", job, rest) == 2) {
        count = numbers(rest, given);
        if (count < 3 || carry_out(bus, job, given, count) < 0) {
            fprintf(stderr, "%s: %s\n", job, modbus_strerror(errno));
            return 1;
        }
    }
    modbus_close(bus);
    modbus_free(bus);
    return 0;
}
