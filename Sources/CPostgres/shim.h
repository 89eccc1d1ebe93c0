#pragma once
#include <libpq-fe.h>

// PG_DIAG_SQLSTATE is a character constant, which Swift imports as Int32 without a name for it.
static inline const char *cpostgres_sqlstate(const PGresult *result) { return PQresultErrorField(result, PG_DIAG_SQLSTATE); }
