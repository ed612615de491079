/*
 * demo.h - the part of kontor demo that runs beside the supervisor
 */
#ifndef KONTOR_MAIN_DEMO_H
#define KONTOR_MAIN_DEMO_H

#define DEMO_TITLE "kontor: demo"

/*
 * argv after the title: "seed", the folder, the simulator's URL, "json" or
 * "text".  Waits for the instance, makes its keys, prints how to call it.
 */
int demo_seed(int argc, char **argv);

#endif
