/*
 * A program with PAM, for the benchmarks: logs in through several services in turn and tells how long each took.
 *
 *     pam_host ROUNDS USER ANSWER ITEM=VALUE ... -- SERVICE ...
 *
 * It writes its private memory as "memory KIB" at the start, after 20 rounds that do not count, and at the end, and
 * "SERVICE NANOSECONDS" for each login. A login that fails ends it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <security/pam_appl.h>

static const char *typed;

/* Answers every question with the same words, and shows nothing. */
static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    struct pam_response *answers = calloc((size_t)count, sizeof(*answers));

    (void)data;
    if (answers == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        int style = messages[i]->msg_style;

        if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON)
            answers[i].resp = strdup(typed);
    }
    *responses = answers;
    return PAM_SUCCESS;
}

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void print_memory(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    char line[256];
    long sum = 0, value;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Private_Clean: %ld", &value) == 1 || sscanf(line, "Private_Dirty: %ld", &value) == 1)
            sum += value;
    }
    if (file != NULL)
        fclose(file);
    printf("memory %ld\n", sum);
}

static int set_item(pam_handle_t *pamh, const char *item)
{
    if (strncmp(item, "rhost=", 6) == 0)
        return pam_set_item(pamh, PAM_RHOST, item + 6);
    if (strncmp(item, "tty=", 4) == 0)
        return pam_set_item(pamh, PAM_TTY, item + 4);
    return PAM_BAD_ITEM;
}

/* One login as a program does it, from pam_start to pam_end. */
static int log_in(const char *service, const char *user, char **items)
{
    const struct pam_conv conversation = {.conv = converse};
    pam_handle_t *pamh = NULL;
    int code = pam_start(service, user, &conversation, &pamh);

    for (; code == PAM_SUCCESS && strcmp(*items, "--") != 0; items++)
        code = set_item(pamh, *items);
    if (code == PAM_SUCCESS)
        code = pam_authenticate(pamh, 0);
    if (pamh != NULL)
        pam_end(pamh, code);
    return code;
}

int main(int argc, char **argv)
{
    int services = 4;
    long rounds;

    while (services < argc && strcmp(argv[services], "--") != 0)
        services++;
    if (services + 1 >= argc)
        return 2;
    rounds = atol(argv[1]);
    typed = argv[3];
    /* Before it counts, libraries are loaded, and buffers are as large as they become. */
    print_memory();
    for (long round = -20; round < rounds; round++) {
        for (int i = services + 1; i < argc; i++) {
            long long start = now();
            int code = log_in(argv[i], argv[2], argv + 4);

            if (code != PAM_SUCCESS) {
                fprintf(stderr, "%s: PAM code %d\n", argv[i], code);
                return 1;
            }
            if (round >= 0)
                printf("%s %lld\n", argv[i], now() - start);
        }
        if (round == -1)
            print_memory();
    }
    print_memory();
    return 0;
}
