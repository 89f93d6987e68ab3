/* Preloaded into a server by the benchmarks: fsync and fdatasync take 5 ms more while the file that
   SLOW_FSYNC_WHILE names exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void delay(void)
{
    const char *file = getenv("SLOW_FSYNC_WHILE");
    struct timespec time = { 0, 5000000 };
    if (file && access(file, F_OK) == 0)
        nanosleep(&time, NULL);
}

static int after_delay(const char *name, int descriptor)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    delay();
    return real(descriptor);
}

int fsync(int descriptor) { return after_delay("fsync", descriptor); }
int fdatasync(int descriptor) { return after_delay("fdatasync", descriptor); }
