// Stands between a process and the disk (LD_PRELOAD): writes down what is done below a folder, and fails as a full or read-only disk does.
//
// DISK_FOLDER is the folder. DISK_JOURNAL, where given, is a file to which every change below the folder, every sync, and every line on
// standard output is added, in the order they were done. DISK_FAULT, where given, is a file whose first four bytes are an errno: 0 none.

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

constexpr int MOST = 4096;
bool ours[MOST];  // Descriptors of files below the folder.
std::string folder;
int journal = -1;
const volatile int32_t* fault = nullptr;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct Held {
    Held() { pthread_mutex_lock(&lock); }
    ~Held() { pthread_mutex_unlock(&lock); }
};

template <typename F> F next(F, const char* name) {
    return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}
#define REAL(name) (*[] { static auto found = next(&::name, #name); return &found; }())

struct __attribute__((packed)) Head {
    char kind;
    uint64_t inode;
    int64_t at;
    uint32_t first, second;
};

void note(char kind, uint64_t inode, int64_t at, const void* first, size_t size, const void* second = nullptr, size_t more = 0) {
    if (journal < 0) return;
    Head head{kind, inode, at, static_cast<uint32_t>(size), static_cast<uint32_t>(more)};
    iovec parts[] = {{&head, sizeof head}, {const_cast<void*>(first), size}, {const_cast<void*>(second), more}};
    if (REAL(writev)(journal, parts, 3) != static_cast<ssize_t>(sizeof head + size + more)) abort();
}

void note(char kind, const std::string& path, const std::string& other = "", uint64_t inode = 0) {
    note(kind, inode, 0, path.data(), path.size(), other.data(), other.size());
}

std::string link_of(int descriptor) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(name, path, sizeof path);
    return size < 0 ? "" : std::string(path, size);
}

std::string whole(int at, const char* path) {
    if (path[0] == '/') return path;
    if (at != AT_FDCWD) return link_of(at) + "/" + path;
    char here[4096];
    return std::string(getcwd(here, sizeof here) ? here : "") + "/" + path;
}

bool inside(const std::string& path) {
    return !folder.empty() && path.compare(0, folder.size(), folder) == 0 && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string below(const std::string& path) {
    return path.size() == folder.size() ? "" : path.substr(folder.size() + 1);
}

bool mine(int descriptor) { return descriptor >= 0 && descriptor < MOST && ours[descriptor]; }

bool fails(bool grows = false) {
    int32_t code = fault ? *fault : 0;
    if (!code || (code == ENOSPC && !grows)) return false;
    errno = code;
    return true;
}

struct stat told(int descriptor) {
    struct stat found {};
    fstat(descriptor, &found);
    return found;
}

bool there(const std::string& path) {
    struct stat found;
    return lstat(path.c_str(), &found) == 0;
}

void opened(int descriptor, bool existed, bool cut) {
    if (descriptor < 0 || descriptor >= MOST) return;
    std::string path = link_of(descriptor);
    if (!(ours[descriptor] = inside(path))) return;
    struct stat found = told(descriptor);
    if (!existed) note('c', below(path), "", found.st_ino);
    else if (cut) note('t', found.st_ino, 0, nullptr, 0);
}

template <typename Open> int open_at(int at, const char* path, int flags, Open open) {
    std::string name = whole(at, path);
    if (!inside(name)) {
        int descriptor = open();
        if (descriptor >= 0 && descriptor < MOST) ours[descriptor] = false;
        return descriptor;
    }
    Held held;
    if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails()) return -1;
    bool existed = !(flags & O_CREAT) || there(name);
    int descriptor = open();
    opened(descriptor, existed, flags & O_TRUNC);
    return descriptor;
}

template <typename Write> ssize_t write_at(int descriptor, int64_t at, const iovec* parts, int count, size_t size, Write write) {
    if (descriptor == 1 && journal >= 0) {
        Held held;
        ssize_t done = write();
        if (done > 0) note('a', 0, 0, parts[0].iov_base, done);
        return done;
    }
    if (!mine(descriptor)) return write();
    Held held;
    struct stat found = told(descriptor);
    int flags = fcntl(descriptor, F_GETFL);
    if (at < 0) at = flags & O_APPEND ? found.st_size : lseek(descriptor, 0, SEEK_CUR);
    if (fails(at + static_cast<int64_t>(size) > found.st_size)) return -1;
    ssize_t done = write(), left = done;
    for (int part = 0; part < count && left > 0; part++) {
        ssize_t some = left < static_cast<ssize_t>(parts[part].iov_len) ? left : parts[part].iov_len;
        note('w', found.st_ino, at, parts[part].iov_base, some);
        at += some, left -= some;
    }
    return done;
}

template <typename Change> int change(bool known, char kind, const std::string& path, const std::string& other, Change change) {
    if (!known) return change();
    Held held;
    if (fails()) return -1;
    int answer = change();
    if (answer == 0) note(kind, below(path), other.empty() ? "" : below(other));
    return answer;
}

template <typename Sync> int sync_of(int descriptor, Sync sync) {
    if (!mine(descriptor)) return sync();
    Held held;
    if (fault && *fault == EIO && fails()) return -1;
    int answer = sync();
    struct stat found = told(descriptor);
    if (answer == 0 && S_ISDIR(found.st_mode)) note('d', below(link_of(descriptor)));
    else if (answer == 0) note('s', found.st_ino, 0, nullptr, 0);
    return answer;
}

template <typename Cut> int cut_at(int descriptor, int64_t size, Cut cut) {
    if (!mine(descriptor)) return cut();
    Held held;
    struct stat found = told(descriptor);
    if (fails(size > found.st_size)) return -1;
    int answer = cut();
    if (answer == 0) note('t', found.st_ino, size, nullptr, 0);
    return answer;
}

FILE* file_of(const char* path, const char* mode, FILE* (*real)(const char*, const char*)) {
    std::string name = whole(AT_FDCWD, path);
    if (!inside(name)) return real(path, mode);
    Held held;
    bool reads = strchr(mode, 'r') && !strchr(mode, '+');
    if (!reads && fails()) return nullptr;
    bool existed = strchr(mode, 'r') || there(name);
    FILE* file = real(path, mode);
    if (file) opened(fileno(file), existed, strchr(mode, 'w'));
    return file;
}

struct Begun {
    Begun() {
        if (const char* given = getenv("DISK_FOLDER")) folder = given;
        if (const char* given = getenv("DISK_JOURNAL")) {
            int descriptor = REAL(open)(given, O_WRONLY | O_CREAT | O_APPEND, 0600);
            journal = fcntl(descriptor, F_DUPFD_CLOEXEC, 1000);
            REAL(close)(descriptor);
        }
        if (const char* given = getenv("DISK_FAULT")) {
            int descriptor = REAL(open)(given, O_RDONLY);
            fault = static_cast<const volatile int32_t*>(mmap(nullptr, 4096, PROT_READ, MAP_SHARED, descriptor, 0));
            REAL(close)(descriptor);
        }
    }
} begun;

mode_t mode_of(int flags, va_list given) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(given, mode_t) : 0; }

}  // namespace

#define MODE va_list given; va_start(given, flags); mode_t mode = mode_of(flags, given); va_end(given)

extern "C" {

int open(const char* path, int flags, ...) { MODE; return open_at(AT_FDCWD, path, flags, [&] { return REAL(open)(path, flags, mode); }); }
int open64(const char* path, int flags, ...) { MODE; return open_at(AT_FDCWD, path, flags, [&] { return REAL(open64)(path, flags, mode); }); }
int openat(int at, const char* path, int flags, ...) { MODE; return open_at(at, path, flags, [&] { return REAL(openat)(at, path, flags, mode); }); }
int openat64(int at, const char* path, int flags, ...) { MODE; return open_at(at, path, flags, [&] { return REAL(openat64)(at, path, flags, mode); }); }
FILE* fopen(const char* path, const char* mode) { return file_of(path, mode, REAL(fopen)); }
FILE* fopen64(const char* path, const char* mode) { return file_of(path, mode, REAL(fopen64)); }

int close(int descriptor) {
    if (descriptor >= 0 && descriptor < MOST) ours[descriptor] = false;
    return REAL(close)(descriptor);
}

ssize_t write(int descriptor, const void* data, size_t size) {
    iovec part{const_cast<void*>(data), size};
    return write_at(descriptor, -1, &part, 1, size, [&] { return REAL(write)(descriptor, data, size); });
}
ssize_t writev(int descriptor, const iovec* parts, int count) {
    size_t size = 0;
    for (int part = 0; part < count; part++) size += parts[part].iov_len;
    return write_at(descriptor, -1, parts, count, size, [&] { return REAL(writev)(descriptor, parts, count); });
}
ssize_t pwrite(int descriptor, const void* data, size_t size, off_t at) {
    iovec part{const_cast<void*>(data), size};
    return write_at(descriptor, at, &part, 1, size, [&] { return REAL(pwrite)(descriptor, data, size, at); });
}
ssize_t pwrite64(int descriptor, const void* data, size_t size, off64_t at) {
    iovec part{const_cast<void*>(data), size};
    return write_at(descriptor, at, &part, 1, size, [&] { return REAL(pwrite64)(descriptor, data, size, at); });
}

int ftruncate(int descriptor, off_t size) noexcept { return cut_at(descriptor, size, [&] { return REAL(ftruncate)(descriptor, size); }); }
int ftruncate64(int descriptor, off64_t size) noexcept { return cut_at(descriptor, size, [&] { return REAL(ftruncate64)(descriptor, size); }); }
int fsync(int descriptor) { return sync_of(descriptor, [&] { return REAL(fsync)(descriptor); }); }
int fdatasync(int descriptor) { return sync_of(descriptor, [&] { return REAL(fdatasync)(descriptor); }); }

int rename(const char* from, const char* to) noexcept {
    std::string old = whole(AT_FDCWD, from), fresh = whole(AT_FDCWD, to);
    return change(inside(fresh), 'r', old, fresh, [&] { return REAL(rename)(from, to); });
}
int unlink(const char* path) noexcept {
    std::string name = whole(AT_FDCWD, path);
    return change(inside(name), 'u', name, "", [&] { return REAL(unlink)(path); });
}
int unlinkat(int at, const char* path, int flags) noexcept {
    std::string name = whole(at, path);
    return change(inside(name), flags & AT_REMOVEDIR ? 'x' : 'u', name, "", [&] { return REAL(unlinkat)(at, path, flags); });
}
int rmdir(const char* path) noexcept {
    std::string name = whole(AT_FDCWD, path);
    return change(inside(name), 'x', name, "", [&] { return REAL(rmdir)(path); });
}
int mkdir(const char* path, mode_t mode) noexcept {
    std::string name = whole(AT_FDCWD, path);
    return change(inside(name), 'm', name, "", [&] { return REAL(mkdir)(path, mode); });
}

}
