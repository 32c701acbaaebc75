export * from './interaction.js';
