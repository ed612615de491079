#include "courier/stamp.h"

static bool
digits(struct slice s, size_t at, size_t n, int64_t *out)
{
	uint64_t v;

	if (s.len < at + n || !slice_u64((struct slice){ s.p + at, n }, &v))
		return false;
	*out = (int64_t)v;
	return true;
}

/* Days since 1970 of a date of the civil calendar. */
static int64_t
days(int64_t y, int64_t m, int64_t d)
{
	const int64_t shifted = y - (m <= 2);
	const int64_t era = shifted / 400, of_era = shifted - era * 400;
	const int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year - 719468;
}

static bool
join(int64_t y, int64_t m, int64_t d, const int64_t hms[3], int64_t *out)
{
	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > 31 || hms[0] > 23 ||
	    hms[1] > 59 || hms[2] > 60)
		return false;
	*out = days(y, m, d) * 86400 + hms[0] * 3600 + hms[1] * 60 + hms[2];
	return true;
}

static bool
clock_at(struct slice s, size_t at, int64_t hms[3])
{
	return digits(s, at, 2, &hms[0]) && s.p[at + 2] == ':' &&
	       digits(s, at + 3, 2, &hms[1]) && s.p[at + 5] == ':' &&
	       digits(s, at + 6, 2, &hms[2]);
}

bool
stamp_iso(struct slice s, int64_t *unix_s)
{
	int64_t y, m, d, hms[3];
	size_t i = 19;

	if (s.len < 20 || s.p[s.len - 1] != 'Z' || s.p[4] != '-' ||
	    s.p[7] != '-' || s.p[10] != 'T' || !digits(s, 0, 4, &y) ||
	    !digits(s, 5, 2, &m) || !digits(s, 8, 2, &d) ||
	    !clock_at(s, 11, hms))
		return false;
	if (s.p[i] == '.') {
		for (i++; i < s.len - 1; i++) {
			if (s.p[i] < '0' || s.p[i] > '9')
				return false;
		}
	}
	return i == s.len - 1 && join(y, m, d, hms, unix_s);
}

bool
stamp_http(struct slice s, int64_t *unix_s)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int64_t y, d, hms[3];
	int64_t m;

	if (s.len != 29 || memcmp(s.p + 25, " GMT", 4) != 0 || s.p[3] != ',' ||
	    !digits(s, 5, 2, &d) || !digits(s, 12, 4, &y) ||
	    !clock_at(s, 17, hms))
		return false;
	for (m = 0; m < 12; m++) {
		if (memcmp(names + 3 * m, s.p + 8, 3) == 0)
			return join(y, m + 1, d, hms, unix_s);
	}
	return false;
}
