#include "model/signin.h"

static const struct {
	const char *text;
	bool metadata;
} methods[] = {
#define SIGNIN_METHOD(NAME, text, metadata) { text, metadata },
#include "model/signin_methods.def"
#undef SIGNIN_METHOD
};

static const struct {
	const char *code, *text;
} whys[] = {
#define SIGNIN_WHY(NAME, code, text) { code, text },
#include "model/signin_whys.def"
#undef SIGNIN_WHY
};

const char *
signin_method_text(enum signin_method m)
{
	CHECK(m < SIGNIN_METHODS);
	return methods[m].text;
}

bool
signin_method_dials_metadata(enum signin_method m)
{
	CHECK(m < SIGNIN_METHODS);
	return methods[m].metadata;
}

const char *
signin_why_code(enum signin_why w)
{
	return w < SIGNIN_WHYS ? whys[w].code : "?";
}

const char *
signin_why_text(enum signin_why w)
{
	return w < SIGNIN_WHYS ? whys[w].text : "?";
}
