#pragma once
#include <sqlite3.h>

// Swift does not import SQLITE_TRANSIENT, a cast of -1 to a function pointer. With SQLITE_TRANSIENT, SQLite copies the bytes during the call.
static inline int csqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, int length) {
    return sqlite3_bind_text(statement, index, text, length, SQLITE_TRANSIENT);
}
static inline int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int length) {
    if (length == 0) return sqlite3_bind_zeroblob(statement, index, 0);
    return sqlite3_bind_blob(statement, index, bytes, length, SQLITE_TRANSIENT);
}
// sqlite3_config is variadic. Turns off memory statistics, for a process with small databases.
static inline int csqlite_lean_memory(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
