/*
 * A host of PAM for the tests: logs in many times, in processes and threads of its own, and tells how that went.
 *
 * Usage: pam_driver FOLDER SERVICE USER TTY RHOST PROCESSES THREADS LOGINS
 *
 * FOLDER holds the service. Texts are printed, and so is each question, whose answer is a line of standard input. Each
 * process prints "CODE:COUNT" for each code of PAM, and by how many KiB it has grown since its first logins. It ends
 * with 3 if a login has changed the mask of signals or left a descriptor open.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <security/pam_appl.h>

enum { WARM_UP = 5, CODES = 40, TRACES_LEFT = 3 };

static char **arguments;
static atomic_int counts[CODES];

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data) {
    (void)data;
    *responses = calloc((size_t)count, sizeof(**responses));
    for (int i = 0; i < count; i++) {
        const int style = messages[i]->msg_style;

        printf("%s\n", messages[i]->msg);
        fflush(stdout);
        if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON) {
            char line[1024] = "";

            if (fgets(line, sizeof(line), stdin) == NULL) {
                free(*responses);
                return PAM_CONV_ERR;
            }
            line[strcspn(line, "\n")] = '\0';
            (*responses)[i].resp = strdup(line);
        }
    }
    return PAM_SUCCESS;
}

static int log_in(void) {
    const struct pam_conv conversation = {converse, NULL};
    pam_handle_t *pamh = NULL;
    int code = pam_start_confdir(arguments[2], arguments[3], &conversation, arguments[1], &pamh);

    if (code != PAM_SUCCESS)
        return code;
    pam_set_item(pamh, PAM_TTY, arguments[4]);
    pam_set_item(pamh, PAM_RHOST, arguments[5]);
    code = pam_authenticate(pamh, PAM_SILENT);
    pam_end(pamh, code);
    return code;
}

static void *log_in_often(void *data) {
    (void)data;
    for (int i = 0; i < atoi(arguments[8]); i++)
        counts[log_in()]++;
    return NULL;
}

static long resident_kib(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        abort();
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int open_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static uint64_t blocked_signals(void) {
    sigset_t signals;
    uint64_t bits = 0;

    pthread_sigmask(SIG_BLOCK, NULL, &signals);
    for (int number = 1; number < 64; number++)
        bits |= (uint64_t)(sigismember(&signals, number) == 1) << number;
    return bits;
}

static int run(void) {
    const int threads = atoi(arguments[7]), descriptors = open_descriptors();
    pthread_t started[threads];
    uint64_t before, after;
    long resident;

    before = blocked_signals();
    for (int i = 0; i < WARM_UP && atoi(arguments[8]) > WARM_UP; i++)
        log_in();
    resident = resident_kib();
    if (threads == 1)
        log_in_often(NULL);
    for (int i = 0; i < threads && threads > 1; i++)
        pthread_create(&started[i], NULL, log_in_often, NULL);
    for (int i = 0; i < threads && threads > 1; i++)
        pthread_join(started[i], NULL);
    for (int code = 0; code < CODES; code++) {
        if (counts[code] > 0)
            printf("%d:%d ", code, counts[code]);
    }
    printf("grown %ld\n", resident_kib() - resident);
    fflush(stdout);
    after = blocked_signals();
    return before == after && open_descriptors() == descriptors ? 0 : TRACES_LEFT;
}

int main(int argc, char **argv) {
    int processes, status, worst = 0;

    if (argc != 9)
        return 2;
    arguments = argv;
    processes = atoi(argv[6]);
    if (processes == 1)
        return run();
    for (int i = 0; i < processes; i++) {
        if (fork() == 0)
            _exit(run());
    }
    while (wait(&status) > 0)
        worst |= status;
    return worst == 0 ? 0 : 1;
}
